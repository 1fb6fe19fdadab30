"""SIGTERM under load over REST and gRPC: what was accepted is answered, then exit 0."""

import asyncio
import time

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.server_check.server_process import ServerProcess
from tests.serving.conformance.wire import predict_request
from tests.serving.load.crowd import TIMEOUT_S, Crowd, read_answer

DRAIN_S = 10.0
SLOW_S = 0.4
NUM_SLOW_REST, NUM_SLOW_GRPC = 3, 3
# A call that gRPC's core holds and has not handed over when the server stops listening
# was not accepted: it ends with one of these. Where the machine is busy with other work
# it may wait there for a moment.
ON_ITS_WAY_S = 1.0
NOT_ACCEPTED = ("UNAVAILABLE", "CANCELLED")


@pytest.mark.parametrize("workers", [1, 2], ids=["one_process", "two_workers"])
def test_term_under_load_answers_what_was_accepted(workers, telling, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1").symlink_to(telling / "1")
    flags = (
        "--model_name=m", f"--model_base_path={tmp_path / 'm'}",
        f"--drain_seconds={DRAIN_S}", f"--workers={workers}",
    )  # fmt: skip
    with ServerProcess(flags, log=tmp_path / "log") as server:
        server.wait_until_available("m")
        asyncio.run(until_all_serve(server, workers))
        crowd = Crowd(
            rest_port=server.rest_port, grpc_target=server.grpc_target, model="m"
        )
        slow, signal_s, took_s, code = asyncio.run(ask_and_stop(server, crowd))
        log = server.log_text()
    assert slow == [1] * (NUM_SLOW_REST + NUM_SLOW_GRPC)
    for one in crowd.problems:
        # Only gRPC's clients try to connect anew, and find nobody.
        assert one.way == "grpc", (one, signal_s)
        assert one.problem.startswith(NOT_ACCEPTED), (one, signal_s)
        assert one.sent_s > signal_s - ON_ITS_WAY_S, (one, signal_s)
    assert sum(one.version == 1 for one in crowd.asked) > 400
    late = {one.way for one in crowd.asked if one.ended_s > signal_s}
    assert late == {"rest", "grpc"}, "the load had ended before the signal"
    assert code == 0, log
    assert took_s < DRAIN_S, log
    assert log.count("Stopped.") == workers
    assert "Traceback" not in log


async def until_all_serve(server, workers):
    end_s = time.monotonic() + TIMEOUT_S
    while server.log_text().count(" Serving.") < workers:
        assert time.monotonic() < end_s, server.log_text()
        await asyncio.sleep(0.05)


async def ask_and_stop(server, crowd):
    """Returns the slow requests' answers, when the signal went, how long it took."""
    rounds = await rounds_of_slow(server)
    async with crowd.asking(rest=40, grpc=8):
        await crowd.until_each_asked(10)
        slow = [slow_over_rest(server, rounds) for _ in range(NUM_SLOW_REST)]
        slow += [slow_over_grpc(server, rounds) for _ in range(NUM_SLOW_GRPC)]
        slow = [asyncio.ensure_future(one) for one in slow]
        await asyncio.sleep(SLOW_S / 2)
        assert not all(one.done() for one in slow), "they are too quick for this test"
        signal_s = time.monotonic()
        code = await asyncio.to_thread(server.stop, 2 * DRAIN_S)
        took_s = time.monotonic() - signal_s
        answers = await asyncio.gather(*slow)
    return answers, signal_s, took_s, code


async def rounds_of_slow(server):
    """Returns how many rounds take SLOW_S on this machine with nothing beside them."""
    rounds, took_s = 5_000, 0.0
    assert await slow_over_rest(server, rounds) == 1  # the first call takes longer
    while took_s < SLOW_S / 4:
        rounds *= 2
        started_s = time.monotonic()
        assert await slow_over_rest(server, rounds) == 1
        took_s = time.monotonic() - started_s
    return int(rounds * SLOW_S / took_s)


async def slow_over_rest(server, rounds):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.rest_port)
    body = b'{"signature_name": "slow", "inputs": [%d]}' % rounds
    writer.write(
        b"POST /v1/models/m:predict HTTP/1.1\r\nHost: load\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    status, headers, content = await read_answer(reader)
    writer.close()
    assert status == 200, content
    return int(headers["x-slipway-model-version"])


async def slow_over_grpc(server, rounds):
    async with grpc.aio.insecure_channel(server.grpc_target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        values = np.array([rounds], np.int64)
        request = predict_request("m", signature="slow", rounds=values)
        found = await stub.Predict(request, timeout=TIMEOUT_S)
    return int(found.outputs["y"].float_val[0])
