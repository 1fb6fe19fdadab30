"""`slipway monitor` as a person or a service runs it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.monitor_command import monitor
from pipeline.monitor_options import read_length, read_moment
from pipeline.settings_loader import ConfigError
from tests.serving.monitoring.service.ridden_days import BUNDLE, log_days

ROOT = Path(__file__).parents[2]
APP = typer.Typer()
APP.command()(monitor)
SERVICE = (
    "import typer\nfrom pipeline.monitor_command import monitor\ntyper.run(monitor)\n"
)


@pytest.fixture
def arguments(tmp_path):
    """A log of two days, the second with unknown carriers, and where things go."""
    log_days(tmp_path / "log", 1)
    log_days(tmp_path / "log", 2, unknown_share=0.3)
    return [
        "flights",
        f"--log={tmp_path / 'log'}",
        "--model=rides",
        f"--bundle={BUNDLE}",
        f"--state={tmp_path / 'state'}",
    ]


def run(*arguments):
    return CliRunner().invoke(APP, list(arguments))


def test_one_pass_says_the_verdict_and_writes_page_and_report(arguments, tmp_path):
    found = run(*arguments)
    assert found.exit_code == 0, found.exception
    assert "in the newest window, 2 Jul: carrier has 3" in found.stdout
    assert f"page  {tmp_path / 'state' / 'page.html'}" in found.stdout
    document = json.loads((tmp_path / "state" / "report.json").read_text())
    assert document["model"] == "rides"
    assert len(document["windows"]) == 2


def test_fail_on_makes_a_bad_report_an_exit_code(arguments):
    assert run(*arguments, "--fail-on=critical").exit_code == 1
    calm = [*arguments, "--set=monitoring.effects.unknown=0.9"]
    assert run(*calm, "--set=monitoring.min_rows=1000", "--fail-on=info").exit_code == 0


def test_a_window_of_another_length(arguments, tmp_path):
    assert run(*arguments, "--window=1w").exit_code == 0
    document = json.loads((tmp_path / "state" / "report.json").read_text())
    assert document["settings"]["window"] == "1w"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--once", "--every=1h"], "exclude each other"),
        (["--every=soon"], "--every is 'soon'; expected a whole number"),
        (["--every=1h", "--fail-on=info"], "--fail-on is for one pass"),
        (["--fail-on=bad"], "--fail-on is 'bad'; expected one of info"),
        (["--since=yesterday"], "--since is 'yesterday'; expected a date"),
        (["--alerts=/no/such.yaml"], "/no/such.yaml cannot be read"),
        (["--set=monitoring.levle=1"], "Did you mean 'level'"),
        (["--metrics-port=99999"], "--metrics-port 99999 cannot be had"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(arguments, option, message):
    found = run(*arguments, *option)
    assert isinstance(found.exception, ConfigError)
    assert message in str(found.exception)


def test_rules_come_from_a_file(arguments, tmp_path):
    rules = tmp_path / "alerts.yaml"
    rules.write_text("channels: {log: {kind: log}}\nrules: []\n")
    assert run(*arguments, f"--alerts={rules}").exit_code == 0
    state = json.loads((tmp_path / "state" / "alerts.json").read_text())
    assert state["num_delivered"] == {}
    assert run(*arguments).exit_code == 0
    state = json.loads((tmp_path / "state" / "alerts.json").read_text())
    assert state["num_delivered"]["log"] > 0


def test_a_service_goes_on_serves_metrics_and_ends_soundly(arguments, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, *arguments, "--every=1s", "--metrics-port=0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        url = re.fullmatch(r"metrics  (http://127\.0\.0\.1:\d+/metrics)\n", line)[1]
        deadline = time.monotonic() + 60
        while _metric(url, "passes_total") < 2:
            assert time.monotonic() < deadline, "no second pass"
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert "2 windows, 2 of them computed" in said
    assert said.count("critical unknown carrier") == 1, "told once over all passes"
    left = {path.name for path in (tmp_path / "state").iterdir()}
    assert {"page.html", "report.json", "alerts.json", "monitor.lock"} <= left
    assert not [name for name in left if name.startswith(".")], "half a file is left"


def _metric(url, name):
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - printed above
        text = answer.read().decode()
    return float(re.search(rf"^slipway_monitor_{name} (\S+)$", text, re.MULTILINE)[1])


def test_lengths_and_moments_are_read():
    assert read_length("--every", "90s") == timedelta(seconds=90)
    assert read_length("--every", "2w") == timedelta(weeks=2)
    assert read_moment("2013-07-01") == datetime(2013, 7, 1, tzinfo=UTC)
    moment = read_moment("30d")
    ago = datetime.now(UTC) - moment
    assert timedelta(days=30) <= ago < timedelta(days=30, minutes=1)
    assert read_moment(None) is None
