"""What a bundle asks of one row, feature by feature.

From the bundle's schema, in the SERVING environment: whether a value must be there
(presence.min_fraction of 1), whether it is a whole number, and its range. String
domains are no rule for a row: a new airline is scored as unknown, and
serving.input_statistics sees to it that not too many are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.bundle.contract import Contract

_SERVING = "SERVING"


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureRule:
    """What a feature's values must be.

    Attributes:
        name: The raw feature.
        is_text: Text, else a number.
        is_required: Whether it must not be missing.
        is_whole: Whether a number must be whole.
        low, high: Inclusive range of a number; infinite where there is no limit.
    """

    name: str
    is_text: bool
    is_required: bool
    is_whole: bool = False
    low: float = -math.inf
    high: float = math.inf

    @property
    def expected(self) -> str:
        """What it must be, in words."""
        if self.is_text:
            return "text"
        kind = "a whole number" if self.is_whole else "a number"
        low, high = f"{self.low:g}", f"{self.high:g}"
        if self.is_whole:
            low, high = (f"{limit:.0f}" for limit in (self.low, self.high))
        if math.isinf(self.low) and math.isinf(self.high):
            return kind
        if math.isinf(self.high):
            return f"{kind}, at least {low}"
        if math.isinf(self.low):
            return f"{kind}, at most {high}"
        return f"{kind} from {low} to {high}"


def feature_rules(contract: Contract, schema: Any) -> tuple[FeatureRule, ...]:
    """Returns the rules of a bundle's raw features, in the contract's order.

    Args:
        contract: Of the bundle.
        schema: Of the bundle, a schema_pb2.Schema that has every raw feature.
    """
    by_name = {feature.name: feature for feature in schema.feature}
    int_domains = {domain.name: domain for domain in schema.int_domain}
    float_domains = {domain.name: domain for domain in schema.float_domain}
    domains = {**int_domains, **float_domains}
    rules = []
    for feature in contract.raw_features:
        declared = by_name[feature.name]
        low, high = _range(declared, domains)
        rules.append(
            FeatureRule(
                name=feature.name,
                is_text=feature.dtype == "string",
                is_required=_is_served(declared, schema)
                and declared.presence.min_fraction >= 1,
                is_whole=feature.example_type == "INT",
                low=low,
                high=high,
            )
        )
    return tuple(rules)


def _is_served(feature: Any, schema: Any) -> bool:
    if _SERVING in feature.not_in_environment:
        return False
    if feature.in_environment:
        return _SERVING in feature.in_environment
    return not schema.default_environment or _SERVING in schema.default_environment


def _range(feature: Any, shared: Mapping[str, Any]) -> tuple[float, float]:
    kind = feature.WhichOneof("domain_info")
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
    elif kind == "domain" and feature.domain in shared:
        domain = shared[feature.domain]
    else:
        return -math.inf, math.inf
    low = domain.min if domain.HasField("min") else -math.inf
    high = domain.max if domain.HasField("max") else math.inf
    return float(low), float(high)
