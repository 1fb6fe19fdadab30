"""What a server measured of a model before it was pushed; contract.json's `serving`.

    "serving": {"server": "slipway 0.1.0", "load_s": 0.9, "warmup_s": 0.2,
                "memory_bytes": 612368384, "latency_p50_ms": 0.6, "latency_p99_ms": 1.4,
                "batches": [{"num_rows": 1, "call_ms": 0.6}, …]}

Deployment sizes its limits and batches by these figures, so they come from a server
process and its own clients, never from a call in process. A figure that no server can
have measured is refused when it is read: a limit of 0 bytes would be deployed.
"""

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchTime:
    """How long one request of several rows takes.

    Attributes:
        num_rows: Rows in the request, >= 1.
        call_ms: Median milliseconds from sending it to having its answer, at one
            connection; > 0.

    Raises:
        ValueError: One is out of its range.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    num_rows: int
    call_ms: float

    def __post_init__(self) -> None:
        _require_above(0, num_rows=self.num_rows, call_ms=self.call_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingMeasurements:
    """What the ServingValidator saw of the model in a server of its own.

    Attributes:
        server: The binary and its version, "slipway 0.1.0" or
            "tensorflow_model_server 2.21.0".
        load_s: Seconds from the start of the process until the version is AVAILABLE,
            > 0.
        warmup_s: Of these, the replay of the warm-up requests; 0 where the server does
            not tell.
        memory_bytes: Largest resident size of the process during the load, > 0.
        latency_p50_ms, latency_p99_ms: Of one row over gRPC, one connection; > 0.
        batches: At least one, growing in num_rows, over gRPC.

    Raises:
        ValueError: One is out of its range.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    server: str
    load_s: float
    warmup_s: float
    memory_bytes: int
    latency_p50_ms: float
    latency_p99_ms: float
    batches: tuple[BatchTime, ...]

    def __post_init__(self) -> None:
        _require_above(
            0,
            load_s=self.load_s,
            memory_bytes=self.memory_bytes,
            latency_p50_ms=self.latency_p50_ms,
        )
        if self.warmup_s < 0:
            raise ValueError(f"warmup_s is {self.warmup_s}; expected 0 or more")
        if self.latency_p99_ms < self.latency_p50_ms:
            raise ValueError(
                f"latency_p99_ms is {self.latency_p99_ms}; expected at least "
                f"latency_p50_ms, {self.latency_p50_ms}"
            )
        rows = [batch.num_rows for batch in self.batches]
        if not rows or any(left >= right for left, right in itertools.pairwise(rows)):
            raise ValueError(
                f"batches have {rows} rows; expected one batch or more, each larger "
                "than the one before"
            )


def _require_above(limit: float, **values: float) -> None:
    for name, value in values.items():
        if value <= limit:
            raise ValueError(f"{name} is {value}; expected more than {limit}")
