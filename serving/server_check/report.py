"""What the check of a model in a server says: load_report.json.

{"is_servable": true, "reason": "", "server": "slipway 0.1.0", "rows": 195,
 "signatures": {"serving_default": {"inputs": […], "outputs": […]}, …},
 "serving": {"load_s", "latency_p50_ms", "batches", …},
 "load": {"num_clients", "wall_s", "num_rest", "num_grpc"}}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serving.bundle.measurements import ServingMeasurements


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
    """What the clients saw.

    Attributes:
        num_clients: At once; half of them over REST, half over gRPC.
        wall_s: How long.
        num_rest, num_grpc: Requests of one row, all answered and all right.
    """

    num_clients: int
    wall_s: float
    num_rest: int
    num_grpc: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """What the check saw.

    Attributes:
        is_servable: True if every check passed.
        reason: Why not, in words; "" if it is.
        server: The binary that judged and its version; "": it came to none.
        rows: Golden rows replayed.
        signatures: Signature name to its sorted input and output names.
        serving: What was measured; None of a model that is not servable.
        load: What the clients at once saw; None likewise.
    """

    is_servable: bool
    reason: str
    server: str = ""
    rows: int = 0
    signatures: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    serving: ServingMeasurements | None = None
    load: LoadResult | None = None


def measurements_of(report: Mapping[str, Any]) -> ServingMeasurements:
    """Returns the measurements in the report of a servable model.

    Args:
        report: load_report.json as parsed.

    Raises:
        FormatError: They are missing or out of range.
    """
    # Imported here: the check's own process starts without it.
    from serving.bundle.strict_json import decode

    return decode(ServingMeasurements, report.get("serving") or {})
