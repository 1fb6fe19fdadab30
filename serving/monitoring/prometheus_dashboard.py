"""A Grafana dashboard, made from the names of METRICS.

Source:
    https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from serving.monitoring.prometheus_metrics import METRICS

_SCHEMA_VERSION = 39
_WIDTH, _HEIGHT = 12, 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_MODEL = '{model="$model"}'
_DASHED = {
    "matcher": {"id": "byRegexp", "options": ".*estimate.*"},
    "properties": [
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}},
        {"id": "custom.lineWidth", "value": 1},
    ],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: Above it.
        about: Under the pointer.
        queries: PromQL and the legend of its series.
        kind: Of Grafana: timeseries, stat or table.
        unit: Of Grafana: percentunit, short, s, none.
    """

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    unit: str = "none"


def dashboard() -> str:
    """Returns the dashboard as JSON, to be imported or provisioned."""
    document = {
        "title": "Slipway: models in production",
        "uid": "slipway-monitor",
        "tags": ["slipway", "machine learning"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "time": {"from": "now-30d", "to": "now"},
        "refresh": "1m",
        "templating": {"list": list(_variables())},
        "annotations": {"list": [_deployments()]},
        "panels": [_panel(panel, place) for place, panel in enumerate(_panels())],
    }
    return json.dumps(document, indent=1) + "\n"


def _panels() -> Iterator[Panel]:
    name = {key: metric.full_name for key, metric in METRICS.items()}
    yield Panel(
        title="Alarms that last",
        about=METRICS["alarms"].about,
        queries=((f"{name['alarms']}{_MODEL}", "{{severity}}"),),
        kind="stat",
    )
    yield Panel(
        title="Which",
        about=METRICS["alarm"].about,
        queries=((f"{name['alarm']}{_MODEL}", ""),),
        kind="table",
    )
    for metric, title in (("auc", "AUC"), ("log_loss", "Log loss")):
        yield _quality_panel(metric, title)
    for key, title in (
        ("unknown_ratio", "Unknown values"),
        ("missing_ratio", "Missing values"),
        ("out_of_range_ratio", "Values outside the range"),
    ):
        yield Panel(
            title=title,
            about=METRICS[key].about + " The ten largest.",
            queries=((f"topk(10, {name[key]}{_MODEL})", "{{feature}}"),),
            unit="percentunit",
        )
    yield Panel(
        title="Impact of drift",
        about=METRICS["impact"].about + " The ten largest.",
        queries=((f"topk(10, {name['impact']}{_MODEL})", "{{feature}}"),),
    )
    yield Panel(
        title="Shift of the mean prediction",
        about=METRICS["prediction_shift"].about,
        queries=((f"{name['prediction_shift']}{_MODEL}", "shift"),),
        unit="percentunit",
    )
    yield Panel(
        title="Rows",
        about="Of the newest window, by model version, and those with labels.",
        queries=(
            (f"{name['version_rows']}{_MODEL}", "v{{version}}"),
            (f"{name['rows_labelled']}{_MODEL}", "with labels"),
        ),
        unit="short",
    )
    yield Panel(
        title="Alerts that wait",
        about=METRICS["alerts_pending"].about,
        queries=((name["alerts_pending"], "{{channel}}"),),
    )
    yield Panel(
        title="Passes of the monitor",
        about="How long the newest pass took, and failures in an hour.",
        queries=(
            (name["last_pass_seconds"], "seconds"),
            (f"increase({name['pass_failures_total']}[1h])", "failures"),
        ),
        unit="s",
    )


def _quality_panel(metric: str, title: str) -> Panel:
    measured = METRICS["quality"].full_name
    estimated = METRICS["quality_estimate"].full_name
    chosen = f'{{model="$model", metric="{metric}"}}'
    value = f'{{model="$model", metric="{metric}", bound="value"}}'
    return Panel(
        title=title,
        about="Measured with its interval; dashed: estimated, without labels.",
        queries=(
            (f"{measured}{chosen}", "measured {{bound}}"),
            (f"{estimated}{value}", "estimate"),
        ),
    )


def _variables() -> Iterator[dict[str, Any]]:
    yield {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }
    yield {
        "name": "model",
        "label": "Model",
        "type": "query",
        "datasource": _SOURCE,
        "query": f"label_values({METRICS['rows'].full_name}, model)",
        "refresh": 2,
    }


def _deployments() -> dict[str, Any]:
    rows = METRICS["version_rows"].full_name
    return {
        "name": "Deployments",
        "datasource": _SOURCE,
        "enable": True,
        "expr": f"{rows}{_MODEL} unless {rows}{_MODEL} offset 1h",
        "titleFormat": "v{{version}}",
        "iconColor": "blue",
        "step": "1h",
    }


def _panel(panel: Panel, place: int) -> dict[str, Any]:
    row, column = divmod(place, 2)
    is_table = panel.kind == "table"
    return {
        "id": place + 1,
        "title": panel.title,
        "description": panel.about,
        "type": panel.kind,
        "datasource": _SOURCE,
        "gridPos": {
            "x": column * _WIDTH,
            "y": row * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": [_DASHED]},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "expr": expr,
                "legendFormat": legend,
                "instant": is_table,
                "format": "table" if is_table else "time_series",
            }
            for number, (expr, legend) in enumerate(panel.queries)
        ],
    }
