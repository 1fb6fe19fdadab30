"""Decides what a finding does: stop the run, warn, or nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from components.anomaly_gate.anomaly_kinds import (
    COUNTED_KINDS,
    DRIFT,
    KINDS,
    NEW_COLUMN,
)

STOP = "stop"
WARN = "warn"
IGNORE = "ignore"
SEVERITIES = (STOP, WARN, IGNORE)

DEFAULT_SEVERITIES: Mapping[str, str] = {
    **dict.fromkeys(KINDS, STOP),
    NEW_COLUMN: WARN,
    DRIFT: WARN,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SeverityRules:
    """What each kind of finding does.

    Attributes:
        by_kind: Kind to severity, every kind of KINDS.
        max_out_of_domain_fraction: Largest share, in [0, 1], of a feature's values
            that may lie outside its domain or range; the bound itself passes.
    """

    by_kind: Mapping[str, str]
    max_out_of_domain_fraction: float

    def severity(self, kind: str, fraction: float | None) -> str:
        """Returns "stop", "warn" or "ignore".

        For the counted kinds (out_of_domain, out_of_range) "stop" means: stop above
        the allowed share, warn up to it. A share of 0 stops at the first value.

        Args:
            kind: One of KINDS.
            fraction: Share of values concerned, in [0, 1]. None: not known, which
                stops; a gate that cannot measure must not open.
        """
        severity = self.by_kind[kind]
        is_counted = severity == STOP and kind in COUNTED_KINDS
        if is_counted and fraction is not None:
            return STOP if fraction > self.max_out_of_domain_fraction else WARN
        return severity


def load_severity_rules(text: str, max_out_of_domain_fraction: float) -> SeverityRules:
    """Reads the component's parameters.

    Args:
        text: JSON object, kind to severity; kinds not named keep the default.
        max_out_of_domain_fraction: As in SeverityRules.

    Raises:
        ValueError: A kind, a severity or the fraction is not one of the allowed.
    """
    changed: dict[str, str] = json.loads(text)
    for kind, severity in changed.items():
        if kind not in KINDS:
            raise ValueError(
                f"severities names the kind {kind!r}; kinds are {', '.join(KINDS)}."
            )
        if severity not in SEVERITIES:
            raise ValueError(
                f"severities.{kind} is {severity!r}; it can be {', '.join(SEVERITIES)}."
            )
    if not 0 <= max_out_of_domain_fraction <= 1:
        raise ValueError(
            f"max_out_of_domain_fraction is {max_out_of_domain_fraction!r}; expected a "
            "fraction from 0 to 1."
        )
    return SeverityRules(
        by_kind={**DEFAULT_SEVERITIES, **changed},
        max_out_of_domain_fraction=max_out_of_domain_fraction,
    )
