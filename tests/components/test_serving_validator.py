"""A model is blessed by a server of its own, whose end is the check's end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.serving_validator.fresh_process import check_in_fresh_process
from components.serving_validator.write_blessing import read_measurements
from serving.bundle.strict_json import FormatError
from tests.serving.bundle.documents import KEPT

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(tmp_path):
    """A function that writes an executable script and returns its path."""

    def write(name, *lines):
        path = tmp_path / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return path

    return write


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("kill -9 $$", "died with exit code -9: no output"),
        ("echo 'no memory' >&2; exit 1", "died with exit code 1: no memory"),
        ("exec sleep 30", "took more than 1 s"),
    ],
    ids=["killed", "crashed", "hung"],
)
def test_process_that_dies_or_hangs_is_a_refusal(script, monkeypatch, lines, reason):
    monkeypatch.setattr(sys, "executable", str(script("python", lines)))

    report = check_in_fresh_process("model", "extras", timeout_s=1)

    assert report["is_servable"] is False
    assert f"python -m serving.server_check {reason}" in report["reason"]


def test_report_of_the_process_is_passed_on(script, monkeypatch):
    lines = 'echo noise; echo \'{"is_servable": true, "reason": ""}\''
    monkeypatch.setattr(sys, "executable", str(script("python", lines)))
    assert check_in_fresh_process("model", "extras")["is_servable"] is True


@pytest.fixture
def validate(tmp_path):
    """A function that runs the component on the kept bundle: binary to blessing."""
    from tfx.types.standard_artifacts import InfraBlessing, Model

    from components.golden_batch_gen.artifact import GoldenRows
    from components.serving_validator.component import ServingValidator

    def run(server_binary):
        model, golden_rows, blessing = Model(), GoldenRows(), InfraBlessing()
        model.uri, golden_rows.uri = str(tmp_path / "model"), str(KEPT)
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "Format-Serving").symlink_to(KEPT)
        blessing.uri = str(tmp_path / "blessing")
        Path(blessing.uri).mkdir()
        ServingValidator.EXECUTOR_SPEC.executor_class._FUNCTION(
            model=model,
            golden_rows=golden_rows,
            blessing=blessing,
            server_binary=server_binary,
        )
        return blessing

    return run


def test_named_binary_is_given_only_real_flags_and_its_verdict_is_recorded(
    validate, script, monkeypatch
):
    # Nobody listens at the discard port: whoever asked this proxy would fail.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    flags = ROOT / "tests/serving/server_check/tf_serving_flags.py"
    binary = script(
        "tensorflow_model_server",
        'if [ "$1" = --version ]; then echo "TensorFlow ModelServer: 2.21.0"; exit; fi',
        f'{sys.executable} {flags} "$@" || exit 2',
        f'exec {sys.executable} -m serving.server "$@"',
    )

    blessing = validate(str(binary))

    report = json.loads((Path(blessing.uri) / "load_report.json").read_text())
    assert blessing.get_string_custom_property("reason") == ""
    assert blessing.get_int_custom_property("blessed") == 1
    assert (Path(blessing.uri) / "INFRA_BLESSED").exists()
    server = "tensorflow_model_server 2.21.0"
    assert blessing.get_string_custom_property("server") == server
    measured = read_measurements(blessing.uri)
    assert measured.server == server
    assert 0 < measured.warmup_s < measured.load_s
    assert measured.memory_bytes > 100 << 20  # TensorFlow alone takes more
    for name in ("load_s", "warmup_s", "latency_p50_ms", "latency_p99_ms"):
        found = blessing.get_float_custom_property(name)
        assert found == report["serving"][name] == getattr(measured, name) > 0
    assert blessing.get_int_custom_property("memory_bytes") == measured.memory_bytes
    assert report["signatures"]["serving_default"] == {
        "inputs": ["carrier", "miles", "month"],
        "outputs": ["label", "probability"],
    }


def test_missing_binary_is_not_blessed(validate, tmp_path):
    blessing = validate(str(tmp_path / "nowhere"))

    reason = blessing.get_string_custom_property("reason")
    assert reason.endswith("nowhere cannot be started: there is no such file.")
    assert blessing.get_int_custom_property("blessed") == 0
    assert (Path(blessing.uri) / "INFRA_NOT_BLESSED").exists()
    assert not blessing.has_custom_property("load_s")
    with pytest.raises(FormatError, match="field 'server' is missing"):
        read_measurements(blessing.uri)


STARTER = """
import sys
from components.serving_validator.fresh_process import check_in_fresh_process
check_in_fresh_process(*sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_check_leaves_nothing_behind(script, tmp_path, eventually, number):
    pids, temporary = tmp_path / "pids", tmp_path / "temporary"
    temporary.mkdir()
    binary = script(
        "tensorflow_model_server",
        'if [ "$1" = --version ]; then echo "ModelServer: 1"; exit; fi',
        f"echo $$ $PPID > {pids}",
        "exec sleep 600",
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, KEPT, KEPT, binary],
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
    )
    eventually(lambda: pids.exists() and pids.read_text().strip(), 30)
    server, check = map(int, pids.read_text().split())
    (look,) = set(children_of(check)) - {server}
    starter.send_signal(number)
    starter.wait(30)
    eventually(lambda: not any(map(is_alive, (server, check, look))), 30)
    assert list(temporary.iterdir()) == []


def children_of(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def eventually():
    """A function that waits until a condition holds."""
    import time

    def wait(condition, limit_s):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, "it did not come to pass"
            time.sleep(0.02)

    return wait
