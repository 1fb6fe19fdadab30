"""How TF Serving is to batch, from how long the model's batches were seen to take."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from serving.bundle.measurements import BatchTime, ServingMeasurements
from serving.deploy.errors import DeployError

# Without measurements.
_DEFAULT_MAX_BATCH_SIZE = 64
_DEFAULT_QUEUE_PER_THREAD = 4
# A device works off one batch at a time; a second one is prepared meanwhile.
_THREADS_PER_DEVICE = 2
_DEVICE_TIMEOUT_MICROS = 1000
_NO_MEASUREMENT = (
    "the bundle holds no measurements: a default. Push the model again with a "
    "ServingValidator, or load-test it and edit this"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batching:
    """BatchingParameters, each with its reason.

    Attributes:
        max_batch_size: Rows, >= 1.
        allowed_batch_sizes: Rows, rising to max_batch_size.
        batch_timeout_micros: Microseconds the first request of a batch may wait.
        max_enqueued_batches: Batches that may wait, >= 1.
        num_batch_threads: Batches that run at a time, >= 1.
        reasons: Field to one sentence.
    """

    max_batch_size: int
    allowed_batch_sizes: tuple[int, ...]
    batch_timeout_micros: int
    max_enqueued_batches: int
    num_batch_threads: int
    reasons: Mapping[str, str]


def size_batching(
    measured: ServingMeasurements | None,
    *,
    cpus: int,
    accelerator: str,
    latency_ms: float,
) -> Batching:
    """Chooses the largest batch whose answers keep within a bound.

    Let t(b) be the measured milliseconds of a call of b rows, n the threads that run
    batches, w the time a batch may wait to fill, Q the batches that may wait and L the
    bound. The last request that is let in waits until the running batch ends and the
    queue is worked off, its own batch included:

        latency <= w + t(B) * (1 + Q / n)

    So B is the largest measured b with w + 2 t(b) <= L, and then
    Q = n * (floor((L - w) / t(B)) - 1), which is at least n. What comes on top is
    refused with RESOURCE_EXHAUSTED (429) at once rather than answered late.

    n is the number of CPUs, or 2 on a device: one batch runs, one is prepared.
    w is 0 on a CPU: a batch is what queued while the one before it ran. On a device
    it is 1 ms, for a call takes there about as long for one row as for many.

    Args:
        measured: None: defaults, and the reasons say so.
        cpus: CPUs of the server, >= 1.
        accelerator: "cpu", "gpu" or "tpu".
        latency_ms: The bound L, > 0, within the server: no network.

    Raises:
        DeployError: Not even the smallest measured batch keeps within the bound.

    Source:
        tensorflow_serving/batching/README.md: batch threads, queue and time-out for
        online serving.
    """
    threads = cpus if accelerator == "cpu" else _THREADS_PER_DEVICE
    timeout_micros = 0 if accelerator == "cpu" else _DEVICE_TIMEOUT_MICROS
    reasons = {
        "batch_timeout_micros": _timeout_reason(accelerator),
        "num_batch_threads": _threads_reason(accelerator, cpus),
    }
    if measured is None:
        size, queue = _DEFAULT_MAX_BATCH_SIZE, _DEFAULT_QUEUE_PER_THREAD * threads
        reasons["max_batch_size"] = reasons["max_enqueued_batches"] = _NO_MEASUREMENT
    else:
        budget_ms = latency_ms - timeout_micros / 1000
        largest = _largest_batch(measured, budget_ms, latency_ms)
        size = largest.num_rows
        slots = math.floor(budget_ms / largest.call_ms)
        queue = threads * (slots - 1)
        reasons["max_batch_size"] = (
            f"a call of {size} rows took {largest.call_ms:g} ms; waiting for one and "
            f"running one keeps within {latency_ms:g} ms ({measured.server})"
        )
        reasons["max_enqueued_batches"] = (
            f"{threads} threads x ({slots} calls of {largest.call_ms:g} ms in "
            f"{budget_ms:g} ms, less the one that runs)"
        )
    reasons["allowed_batch_sizes"] = (
        "powers of two: few shapes to prepare for, at most half of a batch filled up"
    )
    return Batching(
        max_batch_size=size,
        allowed_batch_sizes=_powers_of_two_to(size),
        batch_timeout_micros=timeout_micros,
        max_enqueued_batches=queue,
        num_batch_threads=threads,
        reasons=reasons,
    )


def _largest_batch(
    measured: ServingMeasurements, budget_ms: float, latency_ms: float
) -> BatchTime:
    fitting = [batch for batch in measured.batches if 2 * batch.call_ms <= budget_ms]
    if not fitting:
        smallest = min(measured.batches, key=lambda batch: batch.num_rows)
        least_ms = math.ceil(2 * smallest.call_ms + latency_ms - budget_ms)
        raise DeployError(
            f"--latency-ms is {latency_ms:g}, and a call of {smallest.num_rows} row(s) "
            f"took {smallest.call_ms:g} ms, which may have to wait for another one. "
            f"Give --latency-ms {least_ms} or more."
        )
    return max(fitting, key=lambda batch: batch.num_rows)


def _powers_of_two_to(size: int) -> tuple[int, ...]:
    powers = [1 << place for place in range(size.bit_length()) if 1 << place < size]
    return (*powers, size)


def _timeout_reason(accelerator: str) -> str:
    if accelerator == "cpu":
        return "0: a batch is what queued while the one before it ran; nobody waits"
    return "a call takes about as long for one row as for many: let a batch fill"


def _threads_reason(accelerator: str, cpus: int) -> str:
    if accelerator == "cpu":
        return f"one a CPU, of {cpus}"
    return "one batch on the device, one prepared on the CPU meanwhile"
