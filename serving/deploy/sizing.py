"""What a server needs to run the model: memory, threads, time to start."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from serving.bundle.measurements import ServingMeasurements
from serving.deploy.batch_sizing import Batching, size_batching

# While a version takes over from another, both are loaded.
VERSIONS_AT_A_TIME = 2
_HEADROOM = 1.2
_MEMORY_STEP_MIB = 64
_DEFAULT_MEMORY_MIB = 2048
_LEAST_STARTUP_S = 120
_STARTUP_HEADROOM = 10
_LEAST_REQUEST_THREADS, _MOST_REQUEST_THREADS = 32, 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizing:
    """Sizes of one server, each with its reason.

    Attributes:
        cpus: Whole CPUs, >= 1.
        memory_mib: Limit of its memory, MiB.
        request_threads: REST requests, and likewise gRPC requests, worked on at a time.
        startup_s: Seconds a server may take until its first version is loaded.
        batching: How it batches.
        reasons: "cpus", "memory", "request_threads" and "startup" to one sentence.
        is_measured: Whether the bundle held measurements.
    """

    cpus: int
    memory_mib: int
    request_threads: int
    startup_s: int
    batching: Batching
    reasons: Mapping[str, str]
    is_measured: bool


def size_server(
    measured: ServingMeasurements | None,
    *,
    cpus: int,
    memory_mib: int | None,
    accelerator: str,
    latency_ms: float,
) -> Sizing:
    """Sizes a server by what a server was seen to take.

    Memory: 2 versions x the measured peak x 1.2, rounded up to 64 MiB. The peak counts
    the process itself twice, which is the safe side.
    Request threads: 2 x max_batch_size, at least 32, at most 256: each request holds
    one while its batch fills and runs.
    Start: 10 x the measured load, at least 120 s: the first read of a volume or a
    bucket is slower than the measured one.

    Args:
        measured: None: an older bundle; defaults, and the reasons say so.
        cpus: CPUs to plan for, >= 1.
        memory_mib: MiB, instead of the measured; None: as measured, else 2,048.
        accelerator: "cpu", "gpu" or "tpu".
        latency_ms: Bound of a call; see size_batching.

    Raises:
        DeployError: As size_batching does.

    Source:
        tensorflow_serving/batching/README.md: about twice the batch size of threads.
    """
    batching = size_batching(
        measured, cpus=cpus, accelerator=accelerator, latency_ms=latency_ms
    )
    memory, memory_reason = _memory(measured, memory_mib)
    startup, startup_reason = _startup(measured)
    twice = 2 * batching.max_batch_size
    return Sizing(
        cpus=cpus,
        memory_mib=memory,
        request_threads=min(max(twice, _LEAST_REQUEST_THREADS), _MOST_REQUEST_THREADS),
        startup_s=startup,
        batching=batching,
        reasons={
            "cpus": "asked for by --cpus",
            "memory": memory_reason,
            "request_threads": (
                f"2 x {batching.max_batch_size} rows a batch, "
                f"{_LEAST_REQUEST_THREADS} to {_MOST_REQUEST_THREADS}: a request holds "
                "a thread while its batch fills and runs"
            ),
            "startup": startup_reason,
        },
        is_measured=measured is not None,
    )


def _memory(
    measured: ServingMeasurements | None, memory_mib: int | None
) -> tuple[int, str]:
    if memory_mib is not None:
        return memory_mib, "asked for by --memory-mb"
    if measured is None:
        return _DEFAULT_MEMORY_MIB, (
            "the bundle holds no measurements: a default; set it with --memory-mb"
        )
    peak_mib = measured.memory_bytes / 2**20
    needed = VERSIONS_AT_A_TIME * peak_mib * _HEADROOM
    return math.ceil(needed / _MEMORY_STEP_MIB) * _MEMORY_STEP_MIB, (
        f"{VERSIONS_AT_A_TIME} versions x {peak_mib:.0f} MiB measured under load "
        f"({measured.server}) x {_HEADROOM}"
    )


def _startup(measured: ServingMeasurements | None) -> tuple[int, str]:
    if measured is None:
        return _LEAST_STARTUP_S, "the bundle holds no measurements: a default"
    seconds = max(_LEAST_STARTUP_S, math.ceil(_STARTUP_HEADROOM * measured.load_s))
    return seconds, (
        f"{_STARTUP_HEADROOM} x {measured.load_s:g} s measured, at least "
        f"{_LEAST_STARTUP_S} s"
    )
