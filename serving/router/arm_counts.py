"""What is counted of one arm of a rollout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from serving.router.latency_histogram import LatencyHistogram

ErrorKind = Literal["unreachable", "broken", "timeout", "client", "server"]
ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)
_NUMBERS = (
    "requests",
    "missing_outputs",
    "cancelled",
    "retried",
    "rescued",
    "shadow_sent",
    "shadow_dropped",
    "shadow_compared",
    "shadow_different",
)


@dataclass(kw_only=True, slots=True)
class ArmCounts:
    """Predictions that were assigned to one arm, and what became of them.

    Attributes:
        requests: Assigned and ended, whatever the end, but for those in `cancelled`.
            Copies in shadow are counted here as well, so that rates and latency mean
            the same for both arms.
        errors: Error kind to requests; kinds that never came are left out:

            unreachable: no connection could be made
            broken: the connection ended before a whole answer, or it was no HTTP
            timeout: no answer in time
            client: the arm refused the request (HTTP 4xx, INVALID_ARGUMENT and such)
            server: the arm failed (HTTP 5xx, INTERNAL, UNAVAILABLE and such)
        missing_outputs: Answered well, but without outputs, or with null or NaN among
            them.
        cancelled: The client hung up first; no error of the arm's.
        retried: Of the errors, those that another arm was asked for instead.
        rescued: Asked for instead of another arm; in no other count, for they were not
            assigned to this one.
        shadow_sent: Copies sent to this arm.
        shadow_dropped: Copies left out, for the queue was full.
        shadow_compared: Copies whose answer was held against the one that was given.
        shadow_different: Of these, those that differed by more than the tolerance.
        latency: Of requests that were answered or timed out.
    """

    requests: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    missing_outputs: int = 0
    cancelled: int = 0
    retried: int = 0
    rescued: int = 0
    shadow_sent: int = 0
    shadow_dropped: int = 0
    shadow_compared: int = 0
    shadow_different: int = 0
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)

    @property
    def num_errors(self) -> int:
        """Errors of all kinds."""
        return sum(self.errors.values())

    def add_error(self, kind: ErrorKind) -> None:
        """Counts an error; the request itself is counted elsewhere."""
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def add_all(self, other: "ArmCounts") -> None:
        """Adds what another process counted."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, count in other.errors.items():
            self.errors[kind] = self.errors.get(kind, 0) + count
        self.latency.add_all(other.latency)

    def as_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {
            **numbers,
            "errors": dict(sorted(self.errors.items())),
            "latency": self.latency.as_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ArmCounts":
        """Reads what `as_json` wrote.

        Raises:
            ValueError: It is something else; the text names field and value.
        """
        found = cls()
        for name in _NUMBERS:
            setattr(found, name, _count(name, document.get(name)))
        errors = document.get("errors")
        if not isinstance(errors, dict) or not set(errors) <= set(ERROR_KINDS):
            raise ValueError(f"errors is {errors!r}; expected kinds {ERROR_KINDS}")
        found.errors = {kind: _count(kind, number) for kind, number in errors.items()}
        found.latency = LatencyHistogram.from_json(document.get("latency") or {})
        return found


def _count(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is {value!r}; expected a whole number, 0 or more")
    return value
