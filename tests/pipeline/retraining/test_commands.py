"""`slipway retrain` and `slipway why retrain`, as a person types them."""

import json

import pytest
import typer
import yaml
from typer.testing import CliRunner

from pipeline.pipeline_argument import find_config
from pipeline.retrain_command import retrain
from pipeline.settings_loader import ConfigError
from pipeline.why_command import why
from tests.pipeline.retraining.reports import write_report_of

app = typer.Typer()
app.command()(retrain)
app.command()(why)


@pytest.fixture
def config_path(workshop):
    """A pipeline whose work folder is the workshop's."""
    values = yaml.safe_load(find_config("flights").read_text())
    for name, value in workshop.overrides.items():
        section, _, setting = name.partition(".")
        if setting:
            values[section][setting] = value
        else:
            values[section] = value
    schema = find_config("flights").parents[2] / values["validation"]["schema"]
    values["validation"]["schema"] = str(schema)
    path = workshop.folder / "flights.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def say(*arguments):
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_dry_run_says_what_would_be_decided(workshop, config_path):
    done = say("retrain", config_path, "--dry-run")
    assert done.output == (
        "Train: span 1, 2 with 100 rows is new and no run has read any.\n"
    )
    assert not workshop.ledger.folder.exists()


def test_no_run_is_no_failure_and_is_explained_later(workshop, config_path):
    run_id = workshop.retrain().record.run_id
    done = say("retrain", config_path)
    assert done.exit_code == 0
    assert f"No: no span is new since run {run_id}" in done.output
    told = say("why", "retrain", "--pipeline", config_path, "--last", 1).output
    assert "  no  (line 3, slipway retrain)" in told
    assert "… and 1 earlier decisions: --last N shows more." in told


def test_a_setting_lies_over_the_policy(workshop, config_path):
    workshop.retrain()
    done = say("retrain", config_path, "--dry-run", "--because", "x", "--set", "seed=1")
    assert done.output.startswith("Train: x;") or done.output.startswith("Train: x.")


def test_the_monitors_own_report_is_read_without_being_named(workshop, config_path):
    workshop.retrain()
    path = workshop.work_dir.path / "monitor" / "report.json"
    path.parent.mkdir()
    write_report_of(path, [0.5, 0.5])
    drift = json.dumps({"drift": {"min_impact": 0.1}, "new_spans": None})
    done = say("retrain", config_path, "--dry-run", "--set", f"retraining={drift}")
    assert done.output.startswith("Held back: data and code are those of run ")
    assert "2 of the last 2 windows show drift" in done.output


def test_a_report_that_is_not_there_is_refused(workshop, config_path):
    with pytest.raises(ConfigError, match=r"gone\.json cannot be read: No such file"):
        say("retrain", config_path, "--monitor-report", workshop.folder / "gone.json")


def test_nothing_asked_yet(config_path):
    told = say("why", "retrain", "--pipeline", config_path).output
    assert told == (
        "Nobody has asked yet whether to train again. Ask: slipway retrain.\n"
    )
