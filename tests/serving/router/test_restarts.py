"""A router that ends, one way or another, and starts again."""

import contextlib
import http.client
import signal
import threading

from serving.router.counts_file import read_counts
from tests.serving.router.router_process import RouterProcess
from tests.serving.router.running_router import ask_over, start_rollout

KEYS = [f"user-{number}" for number in range(60)]


def routed(folder, ports=None):
    options = ("--model=m", f"--state={folder}", "--router-id=r1")
    return RouterProcess("router", *options, log=folder / "router.log", ports=ports)


def ask_all(router):
    """Asks with every key; returns key to arm."""
    with contextlib.closing(http.client.HTTPConnection(router.rest)) as client:
        return {
            key: ask_over(client, x_slipway_key=key)[1]["x-slipway-variant"]
            for key in KEYS
        }


def counted(folder):
    return sum(counts.requests for counts in read_counts(folder, "try-1").values())


def test_neither_arms_nor_counts_are_lost_by_sigterm_and_kill_9(
    tmp_path, stable, candidate, eventually
):
    start_rollout(tmp_path, stable, candidate, share=0.4)
    router = routed(tmp_path)
    router.wait_until_ready()
    first = ask_all(router)
    assert router.stop(signal.SIGTERM) == 0
    assert counted(tmp_path) == 60

    router = routed(tmp_path, router.ports)
    router.wait_until_ready()
    second = ask_all(router)
    # Counts are on disk a second after they were made: nothing of these is lost.
    eventually(lambda: counted(tmp_path) == 120)
    assert router.stop(signal.SIGKILL) == -signal.SIGKILL
    assert counted(tmp_path) == 120

    with routed(tmp_path, router.ports) as router:
        third = ask_all(router)
    assert first == second == third
    assert set(first.values()) == {"stable", "candidate"}
    assert counted(tmp_path) == 180
    found = read_counts(tmp_path, "try-1")
    assert found["candidate"].requests == 3 * list(first.values()).count("candidate")
    assert found["candidate"].latency.total == found["candidate"].requests


def test_kill_9_under_load_leaves_counts_that_can_be_read(tmp_path, stable, candidate):
    start_rollout(tmp_path, stable, candidate, share=0.5)
    router = routed(tmp_path)
    router.wait_until_ready()
    num_answered = 0
    client = http.client.HTTPConnection(router.rest)
    with (
        contextlib.closing(client),
        contextlib.suppress(OSError, http.client.HTTPException),
    ):
        while True:
            if num_answered == 400:
                threading.Thread(target=router.stop, args=(signal.SIGKILL,)).start()
            ask_over(client)
            num_answered += 1
    router.wait()
    assert num_answered >= 400
    assert counted(tmp_path) <= num_answered + 1


def test_a_router_without_rollout_and_upstream_says_what_to_do(tmp_path):
    exit_code, said = routed(tmp_path).wait()
    assert exit_code != 0
    assert "Start one with slipway rollout start" in said


def test_two_routers_of_one_id_do_not_count_into_one_file(tmp_path, stable, candidate):
    start_rollout(tmp_path, stable, candidate)
    with routed(tmp_path):
        exit_code, said = routed(tmp_path).wait()
    assert exit_code != 0
    assert "another router with id 'r1'" in said
