"""Sizes follow from measurements by the formulas of the docs, figure by figure."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bundle.measurements import BatchTime
from serving.deploy.batch_sizing import size_batching
from serving.deploy.errors import DeployError
from serving.deploy.sizing import size_server
from tests.serving.deploy.conftest import MEASURED

# (bound in ms, largest b with 2 t(b) <= bound, floor(bound / t(b)) - 1)
BOUNDS = [
    (1.2, 1, 1),
    (2.0, 8, 1),
    (7.9, 8, 6),
    (8.0, 64, 1),
    (47.9, 64, 10),
    (48.0, 512, 1),
    (60.0, 1024, 1),
    (120.0, 1024, 3),
]


def on_cpu(latency_ms, cpus=1, measured=MEASURED):
    return size_batching(measured, cpus=cpus, accelerator="cpu", latency_ms=latency_ms)


@pytest.mark.parametrize(("latency_ms", "rows", "queue"), BOUNDS)
def test_the_largest_batch_within_the_bound_and_the_queue_that_fits(
    latency_ms, rows, queue
):
    batching = on_cpu(latency_ms)
    assert (batching.max_batch_size, batching.max_enqueued_batches) == (rows, queue)
    assert on_cpu(latency_ms, cpus=3).max_enqueued_batches == 3 * queue


def test_a_bound_that_no_batch_keeps_is_refused_with_the_least_that_works():
    with pytest.raises(DeployError, match=r"--latency-ms is 1.1.*took 0.6 ms.*ms 2 or"):
        on_cpu(1.1)
    assert on_cpu(2).max_batch_size == 8


def test_allowed_sizes_are_powers_of_two_that_end_in_the_largest_batch():
    assert on_cpu(8.0).allowed_batch_sizes == (1, 2, 4, 8, 16, 32, 64)
    odd = dataclasses.replace(MEASURED, batches=(BatchTime(num_rows=100, call_ms=1.0),))
    assert on_cpu(8.0, measured=odd).allowed_batch_sizes == (
        1, 2, 4, 8, 16, 32, 64, 100,
    )  # fmt: skip
    one = dataclasses.replace(MEASURED, batches=(BatchTime(num_rows=1, call_ms=1.0),))
    assert on_cpu(8.0, measured=one).allowed_batch_sizes == (1,)


def test_a_device_gets_two_batch_threads_and_lets_batches_fill():
    batching = size_batching(MEASURED, cpus=8, accelerator="gpu", latency_ms=9.0)
    # 1 ms of the bound is the wait: 2 x 4 <= 8 still fits.
    assert (batching.batch_timeout_micros, batching.num_batch_threads) == (1000, 2)
    assert (batching.max_batch_size, batching.max_enqueued_batches) == (64, 2)
    assert on_cpu(9.0, cpus=8).num_batch_threads == 8
    assert on_cpu(9.0, cpus=8).batch_timeout_micros == 0


@given(
    st.lists(st.floats(0.01, 1000), min_size=1, max_size=8),
    st.integers(1, 64),
    st.sampled_from(["cpu", "gpu", "tpu"]),
    st.floats(1, 10_000),
)
def test_no_accepted_request_can_wait_beyond_the_bound(times, cpus, kind, latency_ms):
    batches = tuple(
        BatchTime(num_rows=place + 1, call_ms=call_ms)
        for place, call_ms in enumerate(times)
    )
    measured = dataclasses.replace(MEASURED, batches=batches)
    try:
        found = size_batching(
            measured, cpus=cpus, accelerator=kind, latency_ms=latency_ms
        )
    except DeployError:
        assert all(2 * call_ms > latency_ms - 1 for call_ms in times)
        return
    call_ms = times[found.max_batch_size - 1]
    worst_ms = found.batch_timeout_micros / 1000 + call_ms * (
        1 + found.max_enqueued_batches / found.num_batch_threads
    )
    assert worst_ms <= latency_ms * (1 + 1e-9)
    assert found.max_enqueued_batches >= found.num_batch_threads


def size(measured=MEASURED, **options):
    given_options = {
        "cpus": 2, "memory_mib": None, "accelerator": "cpu", "latency_ms": 50.0,
    }  # fmt: skip
    return size_server(measured, **(given_options | options))


def test_memory_threads_and_start_follow_from_the_measurements():
    sized = size()
    # 2 x 600 MiB x 1.2 = 1440, up to the next 64.
    assert sized.memory_mib == 1472
    # 2 x 512 rows is over the most.
    assert sized.request_threads == 256
    # 10 x 14.2 s.
    assert sized.startup_s == 142
    assert "2 versions x 600 MiB" in sized.reasons["memory"]
    assert "slipway 0.1.0" in sized.reasons["memory"]
    assert sized.is_measured


def test_small_models_get_the_least_threads_and_time():
    quick = dataclasses.replace(
        MEASURED, load_s=0.5, batches=(BatchTime(num_rows=4, call_ms=1.0),)
    )
    assert size(quick).request_threads == 32
    assert size(quick).startup_s == 120
    assert size(latency_ms=8.0).request_threads == 128


def test_memory_that_is_asked_for_wins():
    assert size(memory_mib=4000).memory_mib == 4000
    assert size(None, memory_mib=4000).memory_mib == 4000
    assert size(memory_mib=4000).reasons["memory"] == "asked for by --memory-mb"


def test_without_measurements_every_size_is_a_default_that_says_so():
    sized = size(None, cpus=3)
    assert not sized.is_measured
    assert (sized.memory_mib, sized.startup_s, sized.request_threads) == (
        2048,
        120,
        128,
    )
    batching = sized.batching
    assert (batching.max_batch_size, batching.max_enqueued_batches) == (64, 12)
    assert "set it with --memory-mb" in sized.reasons["memory"]
    for reason in (
        sized.reasons["memory"],
        sized.reasons["startup"],
        batching.reasons["max_batch_size"],
        batching.reasons["max_enqueued_batches"],
    ):
        assert "no measurements" in reason
