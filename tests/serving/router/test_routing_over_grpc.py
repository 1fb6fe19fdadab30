"""gRPC calls through a router, in front of arms that do as they are told."""

import contextlib

import grpc
import pytest

from serving.client.tensor_proto import tensor_array
from serving.client.wire_messages import parse_message
from tests.serving.router.running_router import RunningRouter, start_rollout
from tests.serving.router.stub_arm import (
    HANG,
    asked_version,
    predict_request,
    predict_response,
)

PREDICT = "/tensorflow.serving.PredictionService/Predict"
HEALTH = "/grpc.health.v1.Health/Check"
Code = grpc.StatusCode


@contextlib.contextmanager
def calling(router):
    """Gives a function that calls: (answer or code, trailing metadata)."""
    with grpc.insecure_channel(router.grpc) as channel:

        def call(method=PREDICT, request=None, metadata=(), timeout=20):
            message = predict_request() if request is None else request
            try:
                answer, done = channel.unary_unary(method).with_call(
                    message, timeout=timeout, metadata=metadata
                )
            except grpc.RpcError as error:
                return error.code(), dict(error.trailing_metadata())
            return answer, dict(done.trailing_metadata())

        yield call


def value_of(response):
    return tensor_array(parse_message("PredictResponse", response).outputs["y"])[0]


def test_a_key_has_the_same_arm_over_grpc_as_over_rest(tmp_path, stable, candidate):
    start_rollout(tmp_path, stable, candidate, share=0.5)
    keys = [f"k{number}" for number in range(40)]
    with RunningRouter(tmp_path) as router, calling(router) as call:
        over_rest = [router.ask(x_slipway_key=k)[1]["x-slipway-variant"] for k in keys]
        answers = [call(metadata=(("x-slipway-key", k),)) for k in keys]
    assert [told["x-slipway-variant"] for _, told in answers] == over_rest
    assert {value_of(answer) for answer, _ in answers} == {1.0, 2.0}


def test_metadata_passes_both_ways(tmp_path, stable, candidate):
    start_rollout(tmp_path, stable, candidate)
    sent = (("authorization", "Bearer t"), ("x-request-id", "mine"), ("team", "a"))
    with RunningRouter(tmp_path) as router, calling(router) as call:
        _, told = call(metadata=(*sent, ("x-slipway-variant", "candidate")))
    came = stable.calls[0][2]
    assert {name: came[name] for name, _ in sent} == dict(sent)
    assert came["x-slipway-variant"] == "stable"
    assert (told["x-told"], told["x-request-id"]) == ("yes", "mine")


@pytest.mark.parametrize("size", [1, 2000], ids=["short", "long"])
def test_a_pinned_arm_is_asked_for_its_version_and_a_pinned_request_is_not_assigned(
    tmp_path, stable, candidate, size
):
    start_rollout(tmp_path, stable, candidate, share=1.0, versions=(None, 7))
    with RunningRouter(tmp_path) as router, calling(router) as call:
        call(request=predict_request(size=size))
        call(request=predict_request(version=3, size=size))
        call(request=predict_request(model="other", size=size))
        assert router.counts()["candidate"].requests == 1
    assert [asked_version(request) for _, request, _ in candidate.calls] == [7]
    assert [asked_version(request) for _, request, _ in stable.calls] == [3, None]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(Code.UNAVAILABLE, "unreachable"), (HANG, "timeout")],
    ids=["unavailable", "hung"],
)
def test_a_candidate_that_never_answers_is_counted_and_the_stable_arm_answers(
    tmp_path, stable, candidate, answer, kind
):
    candidate.answer = answer
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path, candidate_timeout_s=0.3) as router:
        with calling(router) as call:
            response, told = call()
        counts = router.counts()
    assert value_of(response) == 1.0
    assert told["x-slipway-variant"] == "stable"
    found = counts["candidate"]
    assert (found.requests, found.errors, found.retried) == (1, {kind: 1}, 1)
    assert (counts["stable"].requests, counts["stable"].rescued) == (0, 1)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(Code.INTERNAL, "server"), (Code.INVALID_ARGUMENT, "client")],
)
def test_an_error_that_the_candidate_answered_is_the_clients_answer(
    tmp_path, stable, candidate, code, kind
):
    candidate.answer = code
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path) as router, calling(router) as call:
        assert call()[0] is code
        assert router.counts()["candidate"].errors == {kind: 1}
    assert stable.calls == []


def test_the_clients_deadline_holds(tmp_path, stable, candidate, eventually):
    stable.answer = HANG
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router, calling(router) as call:
        assert call(timeout=0.3)[0] is Code.DEADLINE_EXCEEDED
        eventually(lambda: router.counts()["stable"].errors == {"timeout": 1})


@pytest.mark.parametrize(
    "answer", [predict_response(float("nan")), predict_response(), b""]
)
def test_answers_without_outputs_are_counted(
    tmp_path, stable, candidate, answer, eventually
):
    stable.answer = answer
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router, calling(router) as call:
        assert call()[0] == answer
        eventually(lambda: router.counts()["stable"].missing_outputs == 1)


def test_a_message_longer_than_the_limit_is_refused_by_the_router(
    tmp_path, stable, candidate
):
    from serving.http1.limits import ConnectionLimits

    start_rollout(tmp_path, stable, candidate)
    limits = ConnectionLimits(max_body_bytes=1000)
    with RunningRouter(tmp_path, limits=limits) as router, calling(router) as call:
        code, _ = call(request=predict_request(size=2000))
    assert code is Code.RESOURCE_EXHAUSTED
    assert stable.calls == []


def test_health_says_whether_the_stable_arm_is_there(
    tmp_path, stable, candidate, eventually
):
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path, probe_s=0.5) as router, calling(router) as call:
        # The stub knows no health service, as TF Serving by default: it is up.
        assert call(HEALTH, b"")[0] == b"\x08\x01"
        assert call("/no.Such/Method", b"")[0] is Code.UNIMPLEMENTED
        stable.run(stable._stop())
        eventually(lambda: call(HEALTH, b"")[0] == b"\x08\x02")


def test_an_arm_without_grpc_is_no_answer(tmp_path, stable, candidate):
    candidate.grpc = None
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path) as router, calling(router) as call:
        assert value_of(call()[0]) == 1.0
        assert router.counts()["candidate"].errors == {"unreachable": 1}
