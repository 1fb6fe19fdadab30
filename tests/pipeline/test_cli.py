"""What the command line says when it is used wrongly, and what it shows."""

import os
import sys

import pytest
from typer.testing import CliRunner

from pipeline.cli import app, main
from pipeline.pipeline_argument import find_config
from pipeline.run_command import parse_settings
from pipeline.run_record import NodeFailure, NodeResult, RunRecord, WorkDir
from pipeline.selection import Selection
from pipeline.settings_loader import ConfigError


def test_settings_are_yaml_values():
    assert parse_settings(["data.spans.last=6", "a=[x, y]", "b=", "c=d=e"]) == {
        "data.spans.last": 6,
        "a": ["x", "y"],
        "b": None,
        "c": "d=e",
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed", r"--set 'seed': expected NAME=VALUE"),
        ("=1", r"--set '=1': expected NAME=VALUE"),
        ("a=[1", r"--set 'a=\[1': '\[1' is not YAML"),
    ],
)
def test_setting_that_is_no_pair_is_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        parse_settings([setting])


def test_pipeline_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ConfigError, match=r"there is no pipeline 'flight'; there are"):
        find_config("flight")


def test_wrong_setting_ends_with_exit_code_2_and_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["slipway", "run", "flights", "--set", "sed=1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "slipway: unknown setting sed; known settings are name, work_dir, seed, "
        "min_free_disk_gib, run, beam, metadata, cluster, data, validation, transform, "
        "train, tune, evaluation, deployment, monitoring, retraining. "
        "Did you mean 'seed'?\n"
    )


@pytest.fixture
def work_dir(tmp_path, monkeypatch):
    made = WorkDir(tmp_path)
    monkeypatch.setattr("pipeline.cli.work_dir_of", lambda _pipeline: made)
    return made


def write_run(work_dir, run_id, state="pushed", reason="pushed as version 1"):
    record = RunRecord(
        run_id=run_id,
        pipeline="flights",
        config_path="flights.yaml",
        settings={},
        spans=[1, 2],
        state=state,
        reason=reason,
        pid=os.getpid(),
        nodes=[NodeResult(node_id="trainer", state="done", wall_s=1.25)],
    )
    work_dir.write(record)
    log = work_dir.log_path(run_id, "trainer")
    log.parent.mkdir()
    log.write_text("epoch 1\n")


def test_runs_and_show_tell_how_each_run_ended(work_dir):
    write_run(work_dir, "20260101-000000-aa")
    write_run(work_dir, "20260102-000000-bb", "not blessed", "auc is low")

    listed = CliRunner().invoke(app, ["runs"]).output
    shown = CliRunner().invoke(app, ["show", "last"]).output
    first = CliRunner().invoke(app, ["show", "20260101-000000-aa"]).output

    assert listed.index("20260101-000000-aa") < listed.index("auc is low")
    assert "NOT BLESSED  auc is low" in shown
    assert "trainer" in shown
    assert "PUSHED  pushed as version 1" in first


def test_log_of_a_node_is_printed(work_dir):
    write_run(work_dir, "r1")
    output = CliRunner().invoke(app, ["show", "r1", "--log", "trainer"]).output
    assert output == "epoch 1\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "r9"], "there is no run 'r9'; the newest are r1"),
        (
            ["show", "r1", "--log", "tuner"],
            "run r1 has no log of 'tuner'; it has train",
        ),
    ],
)
def test_run_or_log_that_is_not_there_is_named(work_dir, arguments, message):
    write_run(work_dir, "r1")
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def test_show_before_any_run_says_so(work_dir):
    result = CliRunner().invoke(app, ["show"])
    assert str(result.exception) == f"{work_dir.path} holds no run yet."


@pytest.mark.parametrize("command", ["run", "runs", "show", "doctor", "gc", "why"])
def test_every_help_text_has_an_example(command):
    assert "Example" in CliRunner().invoke(app, [command, "--help"]).output


def test_server_binary_is_relative_to_where_the_command_runs(monkeypatch, tmp_path):
    seen = {}

    def runs(_config_path, overrides, _listener, **options):
        seen.update(overrides, **options)
        raise ConfigError("seen enough")

    monkeypatch.setattr("pipeline.run_pipeline.run_pipeline", runs)
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "flights", "--set", "seed=7", "--server-binary", "bin/server"]
    CliRunner().invoke(app, arguments)
    assert seen == {
        "seed": 7,
        "deployment.server_binary": str(tmp_path / "bin" / "server"),
        "selection": Selection(),
        "use_cache": True,
    }


@pytest.mark.parametrize(
    ("options", "first", "last", "use_cache"),
    [
        (["--from", "trainer"], "trainer", None, True),
        (["--to", "trainer"], None, "trainer", True),
        (["--from", "a", "--to", "b", "--no-cache"], "a", "b", False),
        (["--only", "evaluator", "--no-cache"], "evaluator", "evaluator", False),
    ],
)
def test_options_say_which_nodes_run(monkeypatch, options, first, last, use_cache):
    seen = {}

    def runs(_config_path, _overrides, _listener, **options):
        seen.update(options)
        raise ConfigError("seen enough")

    monkeypatch.setattr("pipeline.run_pipeline.run_pipeline", runs)
    CliRunner().invoke(app, ["run", "flights", *options])
    assert seen == {
        "selection": Selection(first=first, last=last),
        "use_cache": use_cache,
    }


@pytest.mark.parametrize("other", ["--from", "--to"])
def test_only_together_with_another_end_is_refused(other):
    arguments = ["run", "flights", "--only", "evaluator", other, "trainer"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigError)
    assert "--only is --from and --to in one" in str(result.exception)


@pytest.fixture
def finished(project):
    """A run of a pipeline given by its YAML file."""
    record = RunRecord(
        run_id="r1",
        pipeline="flights",
        config_path="pipeline.yaml",
        settings={},
        state="failed",
        nodes=[
            NodeResult(
                node_id="trainer",
                state="failed",
                why="trainer ran because a.py changed.",
                details=("parameter seed changed from 1 to 2",),
                failure=NodeFailure(kind="E", message="no memory"),
            ),
            NodeResult(node_id="evaluator", state="not run"),
            NodeResult(node_id="early", state="done"),
        ],
    )
    WorkDir(project.folder / "work").write(record)
    return str(project.folder / "pipeline.yaml")


def test_why_says_the_cause_and_further_ones(finished):
    def why(*arguments):
        arguments = ["why", *arguments, "--pipeline", finished]
        return CliRunner().invoke(app, arguments)

    assert why("trainer").output == (
        "trainer ran because a.py changed.\n"
        "  also: parameter seed changed from 1 to 2\n"
    )
    assert why("evaluator", "--run", "r1").output == (
        "evaluator did not run: trainer failed before it, no memory.\n"
    )
    assert "made by an early version" in why("early").output
    assert "no node 'trainr'" in str(why("trainr").exception)
    assert "Did you mean 'trainer'?" in str(why("trainr").exception)
    assert "there is no run 'r9'; the newest are r1" in str(
        why("trainer", "--run", "r9").exception
    )


def test_gc_says_what_goes_and_removes_it_unless_it_is_tried_out(finished, project):
    work_dir = WorkDir(project.folder / "work")
    for number in (2, 3):
        record = work_dir.read("r1")
        record.run_id = f"r{number}"
        work_dir.write(record)
    lost = work_dir.artifacts / "trainer" / "model" / "7"
    lost.mkdir(parents=True)
    (lost / "weights").write_bytes(bytes(3 * 2**20))

    tried = CliRunner().invoke(app, ["gc", finished, "--keep-last", "2", "--dry-run"])
    assert tried.output.splitlines() == [
        "keeping r2: one of the newest",
        "keeping r3: one of the newest",
        "would remove run r1 (failed)",
        "would remove 1 artifacts, 0 cached results and 0 compiled DAGs: 3.0 MiB",
    ]
    assert lost.exists()
    assert len(work_dir.list_runs()) == 3

    CliRunner().invoke(app, ["gc", finished, "--keep-last", "2"])
    assert not lost.exists()
    assert [record.run_id for record in work_dir.list_runs()] == ["r2", "r3"]
    assert CliRunner().invoke(app, ["gc", finished, "--keep-last", "0"]).exit_code == 2


def test_part_that_is_not_installed_is_named(monkeypatch, capsys):
    # A client-side installation has no pyarrow, which reading spans needs.
    monkeypatch.setitem(sys.modules, "data.spans", None)
    monkeypatch.delitem(sys.modules, "pipeline.run_pipeline", raising=False)
    monkeypatch.setattr("sys.argv", ["slipway", "run", "flights"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "pip install 'slipway[pipeline]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("tensorflow", "server"),
        ("tensorflow_serving.apis", "server"),
        ("apache_beam", "batch"),
        ("kfp_server_api", "kubeflow"),
        ("tfx", "pipeline"),
    ],
)
def test_missing_part_is_named_by_the_extra_that_has_it(
    monkeypatch, capsys, module, extra
):
    def fails(**_options):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("pipeline.cli.app", fails)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"slipway: this needs {module}, which is not installed. Install the part that "
        f"has it: pip install 'slipway[{extra}]'.\n"
    )
