"""A candidate in shadow: asked after the stable arm, compared, never heard."""

import asyncio
import time

import grpc
import pytest

from serving.router.shadow_queue import ShadowQueue
from tests.serving.router.running_router import (
    RunningRouter,
    prediction,
    start_rollout,
)
from tests.serving.router.stub_arm import BREAK, HANG, predict_request, predict_response


def shadowed(folder, stable, candidate, **more):
    start_rollout(folder, stable, candidate, kind="shadow", **more)


@pytest.mark.parametrize(
    ("reply", "num_different"),
    [
        (b'{"predictions": [1.0]}', 0),
        (b'{"predictions": [1.000001]}', 0),
        (b'{"predictions": [1.001]}', 1),
        (b'{"predictions": [NaN]}', 1),
        (b'{"predictions": [1.0, 1.0]}', 1),
        (b'{"predictions": ["1.0"]}', 1),
        (b'{"outputs": 1}', 1),
    ],
)
def test_answers_are_compared_within_the_tolerance(
    tmp_path, stable, candidate, reply, num_different, eventually
):
    candidate.reply = (200, {}, reply)
    shadowed(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        answer = router.ask()
        eventually(lambda: router.counts()["candidate"].shadow_compared == 1)
        found = router.counts()["candidate"]
    assert prediction(answer) == 1.0
    assert answer[1]["x-slipway-variant"] == "stable"
    assert found.shadow_different == num_different
    assert (found.requests, found.latency.total) == (1, 1)
    assert candidate.seen[0].body == stable.seen[0].body


@pytest.mark.parametrize(("value", "num_different"), [(1.000001, 0), (1.001, 1)])
def test_grpc_answers_are_compared_too(
    tmp_path, stable, candidate, value, num_different, eventually
):
    candidate.answer = predict_response(value)
    shadowed(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        with grpc.insecure_channel(router.grpc) as channel:
            predict = channel.unary_unary(
                "/tensorflow.serving.PredictionService/Predict"
            )
            assert predict(predict_request()) == predict_response(1.0)
        eventually(lambda: router.counts()["candidate"].shadow_compared == 1)
        assert router.counts()["candidate"].shadow_different == num_different


def test_a_candidate_that_refuses_what_the_stable_arm_answers_differs(
    tmp_path, stable, candidate, eventually
):
    candidate.reply = (400, {}, b"{}")
    shadowed(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        router.ask()
        eventually(lambda: router.counts()["candidate"].shadow_different == 1)
        assert router.counts()["candidate"].errors == {"client": 1}


@pytest.mark.parametrize("reply", [BREAK, HANG], ids=["broken", "hung"])
def test_a_candidate_that_does_not_answer_costs_the_client_nothing(
    tmp_path, stable, candidate, reply, eventually
):
    candidate.reply = reply
    shadowed(tmp_path, stable, candidate)
    options = {"shadow_queue": 2, "shadow_concurrency": 1, "candidate_timeout_s": 1.0}
    with RunningRouter(tmp_path, **options) as router:
        started = time.monotonic()
        answers = [prediction(router.ask()) for _ in range(20)]
        assert time.monotonic() - started < 1.0
        assert answers == [1.0] * 20
        eventually(lambda: router.counts()["candidate"].num_errors >= 1)
        found = router.counts()["candidate"]
        assert found.shadow_compared == 0
        if reply is HANG:
            # One runs, two wait, and the others were left out.
            assert found.shadow_dropped == 17


def test_a_share_of_the_requests_is_mirrored(tmp_path, stable, candidate, eventually):
    shadowed(tmp_path, stable, candidate, mirrored_share=0.25)
    with RunningRouter(tmp_path) as router:
        for number in range(200):
            router.ask(x_request_id=f"r{number}")
        eventually(lambda: router.app.core.shadow.num_waiting == 0)
        # 200 draws of 0.25: 50 expected, standard deviation 6.1.
        assert 26 <= router.counts()["candidate"].shadow_sent <= 74


def test_a_queue_runs_so_many_and_holds_so_many_copies():
    async def play():
        queue, gate, began = ShadowQueue(2, 3), asyncio.Event(), []

        async def copy():
            began.append(None)
            await gate.wait()

        taken = [queue.offer(copy, 1) for _ in range(7)]
        await asyncio.sleep(0)
        num_began = len(began)
        gate.set()
        return taken, num_began, await queue.close(5), len(began)

    taken, num_began, num_left, num_ran = asyncio.run(play())
    assert taken == [True] * 5 + [False] * 2
    assert (num_began, num_left, num_ran) == (3, 0, 5)


def test_copies_that_hold_too_many_bytes_are_refused():
    async def play():
        queue, gate = ShadowQueue(100, 1, max_bytes=100), asyncio.Event()
        taken = [queue.offer(gate.wait, 40) for _ in range(3)]
        gate.set()
        await queue.close(5)
        return taken, queue.offer(gate.wait, 100)

    assert asyncio.run(play()) == ([True, True, False], True)


def test_copies_that_do_not_end_in_time_are_given_up():
    async def play():
        queue = ShadowQueue(5, 1)
        for _ in range(3):
            queue.offer(lambda: asyncio.sleep(60), 1)
        return await queue.close(0.05)

    assert asyncio.run(play()) == 3
