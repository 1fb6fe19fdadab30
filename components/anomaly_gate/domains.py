"""The values a schema allows a feature: a list of texts, or a range of numbers."""

import math
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from components.anomaly_gate.anomaly_kinds import OUT_OF_DOMAIN, OUT_OF_RANGE
from components.schema_curator.declared_features import allowed_strings

_MAX_ALL_LISTED = 3
# Beyond it a float no longer tells whole numbers apart.
_MAX_WHOLE = 2**53


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDomain:
    """A closed list of texts.

    Attributes:
        values: Those allowed, in the schema's order.
    """

    values: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Kind of a finding about it."""
        return OUT_OF_DOMAIN

    @property
    def in_words(self) -> str:
        """What is expected: "one of 16 known values such as 'AA', 'UA'"."""
        if not self.values:
            return "no value, for the domain is empty"
        if len(self.values) <= _MAX_ALL_LISTED:
            return " or ".join(repr(value) for value in self.values)
        first, second = self.values[:2]
        return f"one of {len(self.values):,} known values such as {first!r}, {second!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberDomain:
    """A range of numbers.

    Attributes:
        low, high: Least and largest allowed number, both inclusive. None: no bound.
        allows_nan, allows_inf: Whether NaN, and infinities within the bounds, pass.
    """

    low: float | None = None
    high: float | None = None
    allows_nan: bool = True
    allows_inf: bool = True

    @property
    def kind(self) -> str:
        """Kind of a finding about it."""
        return OUT_OF_RANGE

    @property
    def in_words(self) -> str:
        """What is expected: "0 to 23", "at least 0 and no NaN"."""
        parts = []
        if self.low is not None and self.high is not None:
            parts.append(f"{number_text(self.low)} to {number_text(self.high)}")
        elif self.low is not None:
            parts.append(f"at least {number_text(self.low)}")
        elif self.high is not None:
            parts.append(f"at most {number_text(self.high)}")
        if not self.allows_nan:
            parts.append("no NaN")
        if not self.allows_inf:
            parts.append("no infinity")
        return " and ".join(parts)

    def allows(self, number: float) -> bool:
        """Whether one number, not NaN, is inside."""
        is_low = self.low is not None and number < self.low
        is_high = self.high is not None and number > self.high
        return not (is_low or is_high or (math.isinf(number) and not self.allows_inf))


type Domain = TextDomain | NumberDomain


def declared_domain(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature
) -> Domain | None:
    """Returns what the schema allows the feature; None: anything."""
    strings = allowed_strings(schema, feature)
    if strings is not None:
        return TextDomain(values=strings)
    where = feature.WhichOneof("domain_info")
    if where == "bool_domain":
        return _bool_domain(feature)
    if where == "int_domain":
        low, high = _bounds(feature.int_domain)
        return NumberDomain(low=low, high=high)
    if where == "float_domain":
        low, high = _bounds(feature.float_domain)
        return NumberDomain(
            low=low,
            high=high,
            allows_nan=not feature.float_domain.disallow_nan,
            allows_inf=not feature.float_domain.disallow_inf,
        )
    return None


def number_text(number: float) -> str:
    """Returns a number as the data has it: 23, 9999, 0.5, 1e+20."""
    if float(number).is_integer() and abs(number) < _MAX_WHOLE:
        return str(int(number))
    return f"{number:.6g}"


def _bounds(
    domain: schema_pb2.IntDomain | schema_pb2.FloatDomain,
) -> tuple[float | None, float | None]:
    return (
        domain.min if domain.HasField("min") else None,
        domain.max if domain.HasField("max") else None,
    )


def _bool_domain(feature: schema_pb2.Feature) -> Domain:
    if feature.type != schema_pb2.BYTES:
        return NumberDomain(low=0, high=1)
    domain = feature.bool_domain
    return TextDomain(values=(domain.true_value, domain.false_value))
