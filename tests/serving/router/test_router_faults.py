"""Requests, clients and arms that do not do as they should, over REST."""

import json
import threading

import pytest

from serving.http1.limits import ConnectionLimits
from tests.serving.router.running_router import (
    PREDICT,
    RunningRouter,
    ask,
    connected,
    metrics_of,
    prediction,
    start_rollout,
)
from tests.serving.router.stub_arm import BREAK, HALF, HANG

KEYS = [f"user-{number}" for number in range(200)]
NAN = b'{"predictions": [NaN]}'


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 999\r\n\r\n", 413),
        (
            (
                b"POST /v1/models/m:predict HTTP/1.1\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n" + b"a" * 500
            ),
            413,
        ),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 3000, 431),
        (b"HELLO\r\n\r\n", 400),
        (
            (
                b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 5\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (b"GET /v1/models/m HTTP/1.1\r\nx: a\r\n b\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
    ids=["body", "chunked body", "head", "no HTTP", "smuggling", "folded", "connect"],
)
def test_what_is_too_large_or_no_http_is_refused_by_the_router(
    tmp_path, stable, candidate, request_bytes, status
):
    start_rollout(tmp_path, stable, candidate)
    limits = ConnectionLimits(max_body_bytes=400, max_head_bytes=2000)
    with RunningRouter(tmp_path, limits=limits) as router:
        with connected(router) as client:
            client.sendall(request_bytes)
            assert client.recv(65536).startswith(b"HTTP/1.1 %d " % status)
        assert prediction(router.ask()) == 1.0
    assert len(stable.seen) == 1


def test_more_bodies_than_the_router_may_hold_are_refused_and_let_go(
    tmp_path, stable, candidate, eventually
):
    start_rollout(tmp_path, stable, candidate)
    limits = ConnectionLimits(max_held_bytes=1000)
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 900\r\n\r\n"
    with RunningRouter(tmp_path, limits=limits) as router:
        with connected(router) as first:
            first.sendall(head + b"a" * 800)
            eventually(lambda: router.app._pool._held_bytes == 800)
            assert router.ask(body=b"a" * 300)[0] == 503
        eventually(lambda: router.app._pool._held_bytes == 0)
        assert router.ask(body=b"a" * 300)[0] == 200


def test_a_kept_connection_that_the_arm_closed_costs_no_request(
    tmp_path, stable, candidate
):
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path, probe_s=60) as router:
        router.ask()
        first = stable.seen[-1].connection
        router.ask()
        assert stable.seen[-1].connection == first
        stable.run(stable.close_connections())
        assert prediction(router.ask()) == 1.0
        assert router.counts()["stable"].num_errors == 0
    assert stable.seen[-1].connection > first


def test_a_kept_connection_that_the_arm_closes_meanwhile_costs_no_request(
    tmp_path, stable, candidate
):
    used = set()

    def reply(seen):
        if seen.connection in used:
            return BREAK
        used.add(seen.connection)
        return (200, {}, b'{"predictions": [1.0]}')

    stable.reply = reply
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path, probe_s=60) as router:
        assert [prediction(router.ask()) for _ in range(3)] == [1.0] * 3
        assert router.counts()["stable"].num_errors == 0
    assert len(stable.seen) == 5


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(BREAK, "broken"), (HALF, "broken"), (HANG, "timeout")],
    ids=["broken", "half an answer", "hung"],
)
def test_a_candidate_that_never_answers_is_counted_and_the_stable_arm_answers(
    tmp_path, stable, candidate, reply, kind
):
    candidate.reply = reply
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path, candidate_timeout_s=0.3) as router:
        answer = router.ask()
        counts = router.counts()
    assert prediction(answer) == 1.0
    assert answer[1]["x-slipway-variant"] == "stable"
    found = counts["candidate"]
    assert (found.requests, found.errors, found.retried) == (1, {kind: 1}, 1)
    # The rescue is none of the requests that were assigned to the stable arm.
    assert (counts["stable"].requests, counts["stable"].rescued) == (0, 1)


def test_an_unreachable_candidate_is_counted_and_the_stable_arm_answers(
    tmp_path, stable, candidate
):
    start_rollout(tmp_path, stable, candidate, share=1.0)
    candidate.run(candidate._stop())
    with RunningRouter(tmp_path) as router:
        assert prediction(router.ask()) == 1.0
        assert router.counts()["candidate"].errors == {"unreachable": 1}


def test_without_retries_the_client_gets_the_error(tmp_path, stable, candidate):
    candidate.reply = BREAK
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path, retries_on_stable=False) as router:
        status, _, body = router.ask()
        assert router.counts()["candidate"].retried == 0
    assert status == 502
    assert "ended before the answer did" in json.loads(body)["error"]
    assert stable.seen == []


@pytest.mark.parametrize(
    ("status", "kind"), [(500, "server"), (503, "server"), (400, "client")]
)
def test_an_error_that_the_candidate_answered_is_the_clients_answer(
    tmp_path, stable, candidate, status, kind
):
    candidate.reply = (status, {}, b'{"error": "so"}')
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path) as router:
        assert router.ask()[0] == status
        assert router.counts()["candidate"].errors == {kind: 1}
    assert stable.seen == []


def test_a_stable_arm_that_hangs_ends_with_504_and_one_that_is_down_with_502(
    tmp_path, stable, candidate
):
    stable.reply = HANG
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path, timeout_s=0.3) as router:
        assert router.ask()[0] == 504
        stable.run(stable._stop())
        assert router.ask()[0] == 502
        errors = router.counts()["stable"].errors
    assert errors == {"timeout": 1, "unreachable": 1}


@pytest.mark.parametrize(
    "body",
    [
        NAN,
        b'{"predictions": [null]}',
        b'{"predictions": []}',
        b'{"outputs": {}}',
        b"{}",
        b"no JSON",
        b'{"predictions": [{"p": 0.5, "q": [1, NaN]}]}',
        b'{"predictions": [%b NaN]}' % (b"1.0, " * 20_000),
    ],
    ids=["nan", "null", "no rows", "no outputs", "nothing", "text", "inside", "long"],
)
def test_answers_without_outputs_are_counted(
    tmp_path, stable, candidate, body, eventually
):
    stable.reply = (200, {}, body)
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        assert router.ask()[2] == body
        eventually(lambda: router.counts()["stable"].missing_outputs == 1)


def test_a_text_that_says_nan_is_no_missing_output(
    tmp_path, stable, candidate, eventually
):
    stable.reply = (200, {}, b'{"predictions": ["NaN", "null"]}')
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        router.ask()
        stable.reply = (200, {}, NAN)
        router.ask()
        eventually(lambda: router.counts()["stable"].missing_outputs == 1)


def test_a_client_that_hangs_up_is_hung_up_on_at_the_arm(
    tmp_path, stable, candidate, eventually
):
    stable.reply = HANG
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        client = connected(router)
        client.sendall(b"POST %b HTTP/1.1\r\nHost: r\r\n\r\n" % PREDICT.encode())
        eventually(lambda: len(stable.seen) == 1)
        client.close()
        eventually(lambda: router.counts()["stable"].cancelled == 1)
        assert router.counts()["stable"].requests == 0


def test_stopping_answers_what_runs_and_takes_no_more(
    tmp_path, stable, candidate, eventually
):
    release = threading.Event()

    def slow(seen):
        del seen
        release.wait(10)
        return (200, {}, b'{"predictions": [1.0]}')

    stable.reply = slow
    start_rollout(tmp_path, stable, candidate)
    answers = []
    with RunningRouter(tmp_path) as router:
        asking = threading.Thread(target=lambda: answers.append(router.ask()))
        asking.start()
        eventually(lambda: len(stable.seen) == 1)
        threading.Timer(0.3, release.set).start()
    asking.join()
    assert prediction(answers[0]) == 1.0
    assert answers[0][1]["connection"] == "close"
    with pytest.raises(OSError, match="refused"):
        ask(router.rest)


def test_the_routers_own_pages(tmp_path, stable, candidate, eventually):
    start_rollout(tmp_path, stable, candidate, share=0.25)
    with RunningRouter(tmp_path) as router:
        arm = router.ask()[1]["x-slipway-variant"]
        assert router.ask("/slipway/health", None)[2] == b"ok\n"
        eventually(lambda: router.ask("/slipway/ready", None)[0] == 200)
        routing = json.loads(router.ask("/slipway/routing", None)[2])
        metrics = metrics_of(router)
        assert router.ask("/metrics")[0] == 405
        stable.run(stable._stop())
        eventually(lambda: router.ask("/slipway/ready", None)[0] == 503)
    assert (routing["share"], routing["kind"]) == (0.25, "canary")
    labels = ("try-1", arm)
    assert metrics["slipway_router_share", "try-1", "candidate"] == 0.25
    assert metrics["slipway_router_requests_total", *labels] == 1
    assert metrics["slipway_router_latency_seconds_count", *labels] == 1
    assert metrics["slipway_router_latency_seconds_bucket", *labels, "+Inf"] == 1
    assert metrics["slipway_router_latency_seconds_bucket", *labels, "2e-05"] == 0
    assert metrics["slipway_router_arm_up", "stable"] == 1
