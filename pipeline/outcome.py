"""Collects what a person wants to know about a finished run from its record."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.run_record import RunRecord
from pipeline.stage_configs import METRICS

_VERDICT_FILE = "verdict.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricLine:
    """One metric on all rows.

    Attributes:
        metric: Its name.
        value: The model's value; None where it could not be computed.
        interval: Low, high and method, or None where there is no method.
        baseline: The baseline's value, or None.
    """

    metric: str
    value: float | None
    interval: tuple[float, float, str] | None
    baseline: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The facts of one run.

    Attributes:
        rows: Rows read, left out by data.where or for want of a label, set aside as
            bad, trained and evaluated on; empty before example_gen is done.
        metrics: Metrics on all rows.
        confidence: Level of the intervals.
        slices: Slice name to its metrics.
        checks: Sentences of the bounds, with whether each is met.
        notes: What the gates let pass but want to be known.
        model_path: Folder of the version this run pushed or found pushed.
    """

    rows: dict[str, int]
    metrics: tuple[MetricLine, ...]
    confidence: float
    slices: dict[str, dict[str, float]]
    checks: tuple[tuple[str, bool], ...]
    notes: tuple[str, ...]
    model_path: str | None


def read_outcome(record: RunRecord) -> Outcome:
    """Reads the artifacts of a run's nodes; what a node did not write stays empty."""
    verdict = _read_verdict(record)
    return Outcome(
        rows=_read_rows(record),
        metrics=_metric_lines(verdict),
        confidence=verdict.get("confidence", 0.0),
        slices={part["slice"]: part["metrics"] for part in verdict.get("model", [])},
        checks=tuple(
            (check["sentence"], check["is_met"]) for check in verdict.get("checks", [])
        ),
        notes=(*_data_notes(record), *verdict.get("notes", [])),
        model_path=record.properties("pusher", "pushed_model").get(
            "pushed_destination"
        ),
    )


def _read_rows(record: RunRecord) -> dict[str, int]:
    properties = record.properties("example_gen", "examples")
    names = (
        "rows",
        "filtered",
        "unlabelled",
        "quarantined",
        "train_rows",
        "eval_rows",
    )
    return {name: properties[name] for name in names if name in properties}


def _read_verdict(record: RunRecord) -> dict[str, Any]:
    node = record.node("quality_gate")
    artifact = node.output("blessing") if node else None
    if artifact is None:
        return {}
    path = Path(artifact.uri) / _VERDICT_FILE
    document: dict[str, Any] = (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    )
    return document


def _metric_lines(verdict: dict[str, Any]) -> tuple[MetricLine, ...]:
    if not verdict:
        return ()
    overall = verdict["model"][0]
    baseline = verdict["baseline"][0]["metrics"] if verdict["baseline"] else {}
    lines = []
    for metric in METRICS:
        value = overall["metrics"].get(metric)
        found = overall["intervals"].get(metric)
        interval = (found["low"], found["high"], found["method"]) if found else None
        lines.append(
            MetricLine(
                metric=metric,
                value=value,
                interval=interval,
                baseline=baseline.get(metric),
            )
        )
    return tuple(lines)


def _data_notes(record: RunRecord) -> list[str]:
    """What the schema's comparison and the anomaly gate reported without stopping."""
    difference = record.properties("schema_curator", "schema").get("difference", "[]")
    findings = record.properties("anomaly_gate", "report").get("findings", "[]")
    return [
        str(entry["sentence"])
        for text in (difference, findings)
        for entry in json.loads(text)
    ]
