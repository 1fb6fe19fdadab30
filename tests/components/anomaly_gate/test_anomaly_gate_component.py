"""The component as TFX runs it: its executor over artifacts on disk."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.utils import import_utils

from components.anomaly_gate.component import AnomalyGate
from components.anomaly_gate.finding import AnomalyGateError
from data.errors import DataContractError

SCHEMA = """
feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }
feature {
  name: "carrier" type: BYTES presence { min_fraction: 1 }
  string_domain { value: "AA" value: "UA" }
}
"""
CLEAN = {"hour": [0, 23] * 50, "carrier": ["AA", "UA"] * 50}
WARNING = {"hour": [24] + [1] * 99, "carrier": ["AA"] * 100}
BROKEN = {"hour": [24, 25] + [1] * 98}


def run(artifacts: dict[str, Any], *, without: str = "", **parameters: object) -> None:
    executor_class = AnomalyGate.EXECUTOR_SPEC.executor_class
    inputs = {
        name: [artifact]
        for name, artifact in artifacts.items()
        if name not in ("report", without)
    }
    executor_class().Do(
        inputs,
        {"report": [artifacts["report"]]},
        {"severities": "{}", "max_out_of_domain_fraction": 0.01, **parameters},
    )


def test_clean_data_passes_with_an_empty_report(write_artifacts):
    artifacts = write_artifacts(SCHEMA, {"train": CLEAN, "eval": CLEAN})
    run(artifacts)
    report = artifacts["report"]
    assert report.get_int_custom_property("num_findings") == 0
    assert report.get_int_custom_property("num_stopping") == 0
    assert report.get_string_custom_property("findings") == "[]"


def test_a_warning_passes_and_is_reported(write_artifacts):
    artifacts = write_artifacts(SCHEMA, {"train": CLEAN, "eval": WARNING})
    run(artifacts)
    report = artifacts["report"]
    document = json.loads((Path(report.uri) / "gate_report.json").read_text())
    assert document["splits"] == ["train", "eval"]
    assert (document["num_findings"], document["num_stopping"]) == (1, 0)
    assert document["findings"][0]["sentence"] == (
        "hour (eval): 1 of 100 values (1.0 %) is outside its range, for example 24 "
        "(1); observed 1 to 24; expected 0 to 23; at most 1.0 % is allowed"
    )
    listed = json.loads(report.get_string_custom_property("findings"))
    assert listed == document["findings"]
    assert report.get_int_custom_property("num_findings") == 1


@pytest.mark.parametrize("split", ["train", "eval"])
def test_broken_data_stops_the_run_whichever_split_it_is_in(write_artifacts, split):
    artifacts = write_artifacts(SCHEMA, {"train": CLEAN, "eval": CLEAN, split: BROKEN})
    with pytest.raises(AnomalyGateError, match="in 2 features") as stopped:
        run(artifacts)
    assert str(stopped.value) == (
        "the data breaks the schema in 2 features, the run stops here. "
        f"carrier ({split}): the column is not in the data, so it is missing from all "
        "100 rows; expected text (BYTES) in every row. Bring the column back at the "
        "source and write the span anew; if it is gone for good, take the feature out "
        f"of the schema. hour ({split}): 2 of 100 values (2.0 %) are outside its range"
        ", for example 24 (1), 25 (1); observed 1 to 25; expected 0 to 23; at most "
        "1.0 % is allowed. If the values are right, widen the range in the schema; "
        "otherwise fix the source and write the span anew."
    )


def test_the_parameters_reach_the_rules(write_artifacts):
    artifacts = write_artifacts(SCHEMA, {"train": BROKEN, "eval": CLEAN})
    severities = json.dumps({"missing_column": "ignore"})
    run(artifacts, severities=severities, max_out_of_domain_fraction=0.02)
    assert artifacts["report"].get_int_custom_property("num_findings") == 1


def test_examples_are_optional_and_without_them_a_count_is_a_bound(write_artifacts):
    artifacts = write_artifacts(SCHEMA, {"train": WARNING, "eval": CLEAN})
    with pytest.raises(AnomalyGateError, match="at most about 1 of 100 values"):
        run(artifacts, without="examples", max_out_of_domain_fraction=0.0)


def test_a_split_that_was_not_validated_is_refused(write_artifacts):
    artifacts = write_artifacts(SCHEMA, {"train": CLEAN, "eval": CLEAN})
    folder = Path(artifacts["anomalies"].uri) / "Split-eval"
    shutil.rmtree(folder)
    message = f"{folder}/SchemaDiff.pb does not exist: split 'eval' was not looked at."
    with pytest.raises(DataContractError, match=re.escape(message)):
        run(artifacts)


def test_statistics_that_describe_nothing_are_refused(write_artifacts):
    artifacts = write_artifacts(SCHEMA, {"train": CLEAN, "eval": CLEAN})
    path = Path(artifacts["statistics"].uri) / "Split-train" / "FeatureStats.pb"
    path.write_bytes(b"")
    with pytest.raises(DataContractError, match="describes no data"):
        run(artifacts)


def test_kubeflow_can_import_the_reports_type():
    """A type of our own compiles, and then fails inside the container."""
    report = AnomalyGate.SPEC_CLASS.OUTPUTS["report"].type
    title = compiler_utils.get_artifact_title(report)
    path = compiler_utils.TITLE_TO_CLASS_PATH[title]
    assert import_utils.import_class_by_path(path) is report
