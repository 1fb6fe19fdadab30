"""Alerting rules for Prometheus, made from the names of METRICS.

The monitor has its own alerts (serving.monitoring.alerts), which know when an alarm
began and do not repeat it. These rules are for sites that alert by Prometheus, and for
what a monitor cannot say of itself: that it is down.

Source:
    https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from serving.monitoring.prometheus_metrics import METRICS

_MINUTE_S = 60
_DAYS_WITHOUT_ROWS = 2
_DAYS_WITHOUT_LABELS = 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One alerting rule.

    Attributes:
        name: Of the alert.
        expr: PromQL; true where it gives a series.
        lasts: How long it must be true, such as "15m".
        severity: A label; may be a template.
        summary: A sentence; may hold templates.
    """

    name: str
    expr: str
    lasts: str
    severity: str
    summary: str


def rules() -> tuple[Rule, ...]:
    """Returns all rules."""
    name = {key: metric.full_name for key, metric in METRICS.items()}
    return (
        Rule(
            name="SlipwayAlarm",
            expr=f'{name["alarm"]}{{severity=~"warning|critical"}} == 1',
            lasts="0m",
            severity="{{ $labels.severity }}",
            summary="{{ $labels.model }}: {{ $labels.kind }} of "
            '"{{ $labels.feature }}" in slice "{{ $labels.slice }}".',
        ),
        Rule(
            name="SlipwaySkew",
            expr=f"{name['skew_rows_different']} > 0",
            lasts="0m",
            severity="critical",
            summary="{{ $labels.model }}: {{ $value }} logged rows were not served as "
            "the bundle's own transform has them.",
        ),
        Rule(
            name="SlipwayNoNewRows",
            expr=f"time() - {name['window_end_seconds']} > "
            f"{_DAYS_WITHOUT_ROWS} * 86400",
            lasts="15m",
            severity="warning",
            summary="{{ $labels.model }}: no prediction was logged for "
            "{{ $value | humanizeDuration }}.",
        ),
        Rule(
            name="SlipwayQualityNotMeasured",
            expr=f"time() - {name['quality_window_end_seconds']} > "
            f"{_DAYS_WITHOUT_LABELS} * 86400",
            lasts="15m",
            severity="warning",
            summary="{{ $labels.model }}: labels have not come for "
            "{{ $value | humanizeDuration }}.",
        ),
        Rule(
            name="SlipwayMonitorStale",
            expr=f"time() - {name['last_success_timestamp_seconds']} > "
            f"{120 * _MINUTE_S}",
            lasts="15m",
            severity="critical",
            summary="The last pass of the monitor that was done began "
            "{{ $value | humanizeDuration }} ago.",
        ),
        Rule(
            name="SlipwayMonitorAbsent",
            expr=f"absent({name['passes_total']})",
            lasts="15m",
            severity="critical",
            summary="No monitor gives metrics.",
        ),
        Rule(
            name="SlipwayMonitorFailing",
            expr=f"increase({name['pass_failures_total']}[1h]) > 2",
            lasts="0m",
            severity="warning",
            summary="{{ $value }} passes of the monitor failed in an hour.",
        ),
        Rule(
            name="SlipwayAlertsNotDelivered",
            expr=f"{name['alerts_pending']} > 0",
            lasts="30m",
            severity="warning",
            summary="{{ $value }} alerts wait for channel {{ $labels.channel }}.",
        ),
    )


def rule_file() -> str:
    """Returns the rule file as YAML."""
    document: Mapping[str, Any] = {
        "groups": [
            {
                "name": "slipway-monitor",
                "rules": [
                    {
                        "alert": rule.name,
                        "expr": rule.expr,
                        "for": rule.lasts,
                        "labels": {"severity": rule.severity},
                        "annotations": {"summary": rule.summary},
                    }
                    for rule in rules()
                ],
            }
        ]
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=88)
    return text
