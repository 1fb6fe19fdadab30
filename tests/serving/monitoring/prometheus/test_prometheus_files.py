"""The rule file and the dashboard that are handed out."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from serving.monitoring.prometheus_dashboard import dashboard
from serving.monitoring.prometheus_files import RULES, prometheus_files
from serving.monitoring.prometheus_metrics import METRICS, PREFIX
from serving.monitoring.prometheus_rules import rule_file

DOCS = Path(__file__).parents[4] / "docs" / "monitoring"
LABELS = {metric.full_name: {*metric.labels} for metric in METRICS.values()}


@pytest.mark.parametrize("name", prometheus_files())
def test_the_file_in_the_docs_is_what_the_code_makes(name):
    assert (DOCS / name).read_text() == prometheus_files()[name], (
        "run python -m serving.monitoring.prometheus_files docs/monitoring"
    )


def expressions():
    for group in yaml.safe_load(rule_file())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"], rule["annotations"]["summary"]
    for panel in json.loads(dashboard())["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


@pytest.mark.parametrize(("expr", "text"), expressions())
def test_it_speaks_of_metrics_and_labels_that_exist(expr, text):
    named = set(re.findall(rf"{PREFIX}\w+", expr))
    assert named
    assert named <= set(LABELS)
    known = set.union(*(LABELS[name] for name in named))
    used = re.findall(r"(\w+)=~?\"", expr)
    said = re.findall(r"{{ *(?:\$labels\.)?(\w+) *}}", text)
    assert {*used, *said} <= known


def test_the_dashboard_shows_every_metric_of_a_model():
    text = dashboard()
    hidden = {"window_end_seconds", "quality_window_end_seconds", "series_left_out"}
    of_a_model = {
        metric.full_name for metric in METRICS.values() if "model" in metric.labels
    }
    shown = {name for name in of_a_model if f"{name}{{" in text or f"{name}," in text}
    left = {name.removeprefix(PREFIX) for name in of_a_model - shown}
    assert left == {*hidden, "skew_rows_replayed", "skew_rows_different"}


def test_panels_do_not_overlap():
    places = [panel["gridPos"] for panel in json.loads(dashboard())["panels"]]
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in places
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(place["x"] + place["w"] <= 24 for place in places)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
def test_prometheus_own_tool_finds_no_fault_with_the_rules():
    checked = subprocess.run(
        ["promtool", "check", "rules", str(DOCS / RULES)],  # noqa: S607 - found above
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
