"""After hostile clients have gone, the server is what it was before they came.

Each kind comes three times. What the first time leaves behind is what a server needs
for it: buffers, threads of gRPC's, memory that the allocator keeps for the next time.
What the next two add would be a leak, and each kind is as many, or as large, that its
leak would be seen: 4,096 connections of more than 10 KiB each, bodies of 60 MiB.
"""

import asyncio
import resource
import time

import pytest

from benchmarks.process_usage import process_usage
from tests.serving.conformance.wire import Wire, floats, predict_request
from tests.serving.load import hostility
from tests.serving.load.load_models import STEP

KINDS = {
    "vanish-in-mid-batch": hostility.vanish_in_mid_batch,
    "half-sent-requests": hostility.send_halves,
    "flood-of-connections": hostility.flood,
    "slow-readers": hostility.read_slowly,
    "huge-bodies": hostility.send_too_much,
    "nonsense": hostility.send_nonsense,
    "nonsense-over-grpc": hostility.send_nonsense_over_grpc,
}
# gRPC's own threads and their files come and go by its own clock, a few at a time.
ALLOWED_THREADS = 4
ALLOWED_FILES = 4
ALLOWED_MIB = 48.0
SETTLE_S = 10.0


@pytest.fixture(scope="module", autouse=True)
def _many_files():
    """Lets this process, and the server it starts, have a file for each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * hostility.MAX_CONNECTIONS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"{wanted} open files are not allowed here (ulimit -Hn: {hard})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def idle_files(server):
    """File descriptors the server may have when nobody is connected."""
    answers_rightly(server)
    time.sleep(0.2)
    return settled(server, num_files=0, wait_s=0.5).num_files + ALLOWED_FILES


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_hostile_clients(server, idle_files, kind):
    asyncio.run(KINDS[kind](server))
    before = settled(server, idle_files)
    for _ in range(2):
        asyncio.run(KINDS[kind](server))
    after = settled(server, idle_files)
    answers_rightly(server)
    assert after.num_files <= idle_files, f"{after}: connections are still open"
    assert after.num_threads <= before.num_threads + ALLOWED_THREADS
    assert after.rss_mib <= before.rss_mib + ALLOWED_MIB


def settled(server, num_files, wait_s=SETTLE_S):
    """Returns what the server holds once its connections are gone, or time is up."""
    end_s = time.monotonic() + wait_s
    while True:
        usage = process_usage(server.pid)
        if usage.num_files <= num_files or time.monotonic() > end_s:
            return usage
        time.sleep(0.05)


def answers_rightly(server):
    """Asks over REST, with a large body too, and over gRPC."""
    wire = Wire(server.rest_port, server.grpc_target)
    for body in (b'{"instances": [1, 2]}', b'{"instances": [1, 2]}'.ljust(1 << 20)):
        answer = wire.post(hostility.PATH, body)
        assert answer.status == 200, answer.body
        assert answer.json["predictions"] == [STEP + 1.0, STEP + 2.0]
    found = wire.prediction.Predict(predict_request("abused", x=floats(3.0)), timeout=9)
    assert list(found.outputs["y"].float_val) == [STEP + 3.0]
    wire.close()
