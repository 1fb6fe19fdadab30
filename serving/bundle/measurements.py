"""What a server measured of a model before it was pushed; contract.json's `serving`.

    "serving": {"server": "slipway 0.1.0", "load_s": 0.9, "warmup_s": 0.2,
                "memory_bytes": 612368384, "latency_p50_ms": 0.6, "latency_p99_ms": 1.4,
                "batches": [{"num_rows": 1, "call_ms": 0.6}, …]}

Deployment sizes its limits and batches by these figures, so they come from a server
process and its own clients, never from a call in process.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchTime:
    """How long one request of several rows takes.

    Attributes:
        num_rows: Rows in the request, >= 1.
        call_ms: Median milliseconds from sending it to having its answer, at one
            connection.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    num_rows: int
    call_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingMeasurements:
    """What the ServingValidator saw of the model in a server of its own.

    Attributes:
        server: The binary and its version, "slipway 0.1.0" or
            "tensorflow_model_server 2.21.0".
        load_s: Seconds from the start of the process until the version is AVAILABLE.
        warmup_s: Of these, the replay of the warm-up requests; 0 where the server does
            not tell.
        memory_bytes: Largest resident size of the process during the load.
        latency_p50_ms, latency_p99_ms: Of one row over gRPC, one connection.
        batches: Growing in num_rows, over gRPC.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    server: str
    load_s: float
    warmup_s: float
    memory_bytes: int
    latency_p50_ms: float
    latency_p99_ms: float
    batches: tuple[BatchTime, ...]
