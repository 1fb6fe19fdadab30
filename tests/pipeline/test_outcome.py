"""What a person is told of a run comes from what its nodes wrote."""

import json

from pipeline.outcome import read_outcome
from pipeline.run_record import ArtifactRecord, NodeResult, RunRecord


def node(node_id, output, uri="/none", **properties):
    record = ArtifactRecord(uri=str(uri), type_name="T", properties=properties)
    return NodeResult(node_id=node_id, state="done", outputs={output: [record]})


def record(*nodes):
    return RunRecord(
        run_id="r1", pipeline="p", config_path="c", settings={}, nodes=list(nodes)
    )


def test_schema_differences_and_gate_findings_are_told():
    difference = json.dumps([{"sentence": "hour: text in the data"}])
    findings = json.dumps([{"sentence": "extra (train): not known"}])
    outcome = read_outcome(
        record(
            node("schema_curator", "schema", difference=difference),
            node("anomaly_gate", "report", findings=findings),
        )
    )
    assert outcome.notes == ("hour: text in the data", "extra (train): not known")


def test_metrics_come_with_interval_and_baseline(tmp_path):
    part = {
        "slice": "all rows",
        "metrics": {"auc": 0.7, "calibration": None},
        "intervals": {"auc": {"low": 0.6, "high": 0.8, "method": "Hanley-McNeil"}},
    }
    verdict = {
        "model": [part],
        "baseline": [{**part, "metrics": {"auc": 0.65}}],
        "confidence": 0.95,
        "checks": [{"sentence": "auc is fine", "is_met": True}],
        "notes": ["one slice is small"],
    }
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    outcome = read_outcome(record(node("quality_gate", "blessing", uri=tmp_path)))

    lines = {line.metric: line for line in outcome.metrics}
    assert lines["auc"].interval == (0.6, 0.8, "Hanley-McNeil")
    assert (lines["auc"].value, lines["auc"].baseline) == (0.7, 0.65)
    assert lines["calibration"].value is None
    assert outcome.checks == (("auc is fine", True),)
    assert outcome.notes == ("one slice is small",)


def test_run_that_ended_early_has_nothing_to_tell():
    outcome = read_outcome(record())
    assert (outcome.rows, outcome.metrics, outcome.model_path) == ({}, (), None)
