"""Measures a server's answers to one row and to batches, at one connection."""

import time
from dataclasses import dataclass

import numpy as np

from serving.bundle.golden_batch import GoldenBatch
from serving.bundle.measurements import BatchTime
from serving.server_check.golden_replay import Arrays, check_answer
from serving.server_check.prepared_calls import (
    PreparedCaller,
    PreparedRequest,
    prepare,
    read_answer,
)

BATCH_ROWS = (1, 8, 32, 128, 512)
_SINGLE_CALLS = 200
_BATCH_CALLS = 15
# A slow model is measured by fewer calls, but never by fewer than this.
_LEAST_CALLS = 5
_LONGEST_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    """What was measured; see ServingMeasurements."""

    latency_p50_ms: float
    latency_p99_ms: float
    batches: tuple[BatchTime, ...]


def measure(
    caller: PreparedCaller, model: str, columns: Arrays, golden: GoldenBatch
) -> Timings:
    """Calls with one row at a time, each golden row in turn, and with batches.

    Args:
        caller: Of the server.
        model: Its name there.
        columns: The golden rows as inputs of serving_default.
        golden: What must come of them; every answer is checked.

    Raises:
        CheckFailedError: A call fails or an answer is wrong.
    """
    singles = [
        prepare(model, columns, first=place % len(golden.rows))
        for place in range(_SINGLE_CALLS)
    ]
    single_s = _times_s(caller, singles, golden)
    batches = []
    for num_rows in BATCH_ROWS:
        request = prepare(model, columns, num_rows=num_rows)
        # The first call with a new number of rows allocates what the others reuse.
        caller.call(request)
        times = _times_s(caller, [request] * _BATCH_CALLS, golden)
        batches.append(BatchTime(num_rows=num_rows, call_ms=_ms(np.median(times))))
    return Timings(
        latency_p50_ms=_ms(np.percentile(single_s, 50)),
        latency_p99_ms=_ms(np.percentile(single_s, 99)),
        batches=tuple(batches),
    )


def _times_s(
    caller: PreparedCaller, requests: list[PreparedRequest], golden: GoldenBatch
) -> list[float]:
    started = time.monotonic()
    times: list[float] = []
    for request in requests:
        took_s, answer = caller.call(request)
        times.append(took_s)
        way = f"gRPC with {len(request.places)} rows a request"
        check_answer(way, read_answer(answer), golden, request.places)
        if len(times) >= _LEAST_CALLS and time.monotonic() - started > _LONGEST_S:
            break
    return times


def _ms(seconds: float | np.floating) -> float:
    # A clock's resolution must not make a call take no time at all.
    return max(round(float(seconds) * 1000, 3), 0.001)
