"""`slipway skew` on a real log: exit codes, words and JSON."""

import json
import shutil

import pytest
import typer
from typer.testing import CliRunner

from pipeline.skew_command import skew
from tests.serving.skew_proof.ride_log import write_rides
from tests.serving.tiny_bundle import build_tiny_bundle


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Model folders and logs: rides as they were pushed, and swapped in one line."""
    folder = tmp_path_factory.mktemp("served")
    bundle = build_tiny_bundle(folder / "models" / "rides" / "1")
    copy = shutil.copytree(bundle, folder / "copy" / "rides" / "1")
    (copy / "assets" / "carriers").write_text("UA\nQQ\nEV\nDL\n")
    write_rides(bundle, folder / "log")
    write_rides(copy, folder / "swapped_log")
    return folder


def run(served, *arguments, log="log", artifacts="--no-artifacts"):
    app = typer.Typer()
    app.command()(skew)
    base = ["--model-base-path", str(served / "models"), "--model", "rides"]
    given = ["rides", "--log", str(served / log), artifacts, *base, *arguments]
    return CliRunner().invoke(app, given)


def test_equal_rows_exit_with_0(served):
    found = run(served)
    assert found.exit_code == 0, found.output
    assert found.output.startswith("EQUAL  300 logged rows of rides replayed")


def test_a_changed_line_exits_with_3_and_is_named(served, tmp_path):
    answer = tmp_path / "skew.json"
    copy = served / "copy" / "rides" / "1"
    found = run(served, "--served", str(copy), "--json", str(answer), log="swapped_log")
    assert found.exit_code == 3, found.output
    assert "line 2 is 'QQ', pushed was 'B6'" in found.output
    assert "feature 'carrier_xf' was served otherwise" in found.output
    document = json.loads(answer.read_text())
    assert document["is_equal"] is False
    assert document["bundles"][0]["num_differing"] == 90


def test_rows_and_version_choose(served):
    assert "EQUAL  50 logged rows" in run(served, "--rows", "50").output
    found = run(served, "--version", "9")
    assert found.exception.exit_code == 2
    assert "holds no rows of version 9" in str(found.exception)


def test_a_served_folder_that_is_not_there_is_refused(served):
    found = run(served, "--served", str(served / "nowhere"))
    assert found.exception.exit_code == 2
    assert "there is no such folder" in str(found.exception)


def test_rows_of_an_unknown_bundle_prove_nothing(served, tmp_path):
    other = build_tiny_bundle(tmp_path / "models" / "rides" / "1", bias=0.1)
    found = run(
        served,
        "--model-base-path",
        str(other.parents[1]),
    )
    assert found.exception.exit_code == 2
    assert "no row could be replayed" in str(found.exception)
    assert "300 rows were not replayed" in found.output


def test_distributions_are_compared_on_request(served):
    found = run(served, "--distributions")
    assert found.exit_code == 0, found.output
    assert "300 logged rows against the training statistics" in found.output
