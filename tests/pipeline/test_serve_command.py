"""`slipway serve`: which folder, which words, which flags."""

import json
import shlex

import pytest
import typer
from typer.testing import CliRunner

from pipeline.serve_command import serve


@pytest.fixture
def run(monkeypatch):
    """A function that runs the command; the server is only asked, not started."""
    given = []

    def main(arguments):
        given.extend(arguments)
        return 0

    monkeypatch.setattr("serving.server.main.main", main)
    app = typer.Typer()
    app.command()(serve)

    def invoke(*arguments):
        return CliRunner().invoke(app, arguments), given

    return invoke


def test_it_says_where_and_how_to_try(run, tmp_path):
    (tmp_path / "m" / "3").mkdir(parents=True)
    result, flags = run("--model-base-path", str(tmp_path / "m"), "--grpc-port", "0")
    assert result.exit_code == 0, result.output
    assert f"model  m, newest version in {tmp_path / 'm'}" in result.output
    assert "rest   http://127.0.0.1:8501" in result.output
    assert "grpc" not in result.output
    assert "try    curl http://localhost:8501/v1/models/m/metadata" in result.output
    assert f"--model_base_path={tmp_path / 'm'}" in flags
    assert {"--port=0", "--rest_api_port=8501", "--model_name=m"} <= set(flags)


def test_a_bundle_comes_with_a_line_that_asks_it(run, tmp_path):
    from tests.serving.tiny_bundle import build_tiny_bundle

    bundle = build_tiny_bundle(tmp_path / "rides" / "1")
    result, _ = run("--model-base-path", str(bundle.parent), "--model-name", "r")
    line = next(line for line in result.output.splitlines() if "curl" in line)
    words = shlex.split(line)
    assert words[-1] == "http://localhost:8501/v1/models/r:predict"
    (instance,) = json.loads(words[3])["instances"]
    assert set(instance) == {"miles", "month", "carrier"}


def test_further_flags_are_passed_on(run, tmp_path):
    (tmp_path / "1").mkdir()
    _, flags = run("--model-base-path", str(tmp_path), "--flag", "enable_batching=true")
    assert "--enable_batching=true" in flags


def test_folder_without_a_version_is_a_configuration_error(run, tmp_path):
    result, flags = run("--model-base-path", str(tmp_path / "none"))
    assert result.exception.exit_code == 2
    assert "holds no version yet" in str(result.exception)
    assert flags == []


def test_the_log_lies_in_the_pipelines_work_folder(run, tmp_path):
    (tmp_path / "1").mkdir()
    _, flags = run("flights", "--model-base-path", str(tmp_path), "--log")
    (flag,) = [flag for flag in flags if flag.startswith("--prediction_log_dir=")]
    assert flag.endswith("/predictions")
    _, without = run("flights", "--model-base-path", str(tmp_path))
    assert len([flag for flag in without if "prediction_log" in flag]) == 1
