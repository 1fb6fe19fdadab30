"""`slipway rollout` as it is typed."""

import getpass
import json
import re
import socket
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.rollout_command import rollout
from pipeline.settings_loader import ConfigError
from serving.rollout.errors import RolloutError
from serving.rollout.state_file import read_state
from serving.router.errors import RouterError
from tests.serving.rollout.paper_rollout import (
    arm_counts,
    traffic,
    write_counts,
    write_labels,
    write_log,
)

ARMS = ("--stable", "http://127.0.0.1:8501", "--candidate", "http://127.0.0.1:8502")


@pytest.fixture
def slipway(tmp_path):
    """Types a command; errors of ours are raised."""

    def run(command, *options):
        wanted = [command, "flights", *options, "--state", str(tmp_path / "state")]
        if command == "start":
            wanted += ["--model", "rides", "--log", str(tmp_path / "log"), *ARMS]
        done = CliRunner().invoke(rollout, wanted, env={"COLUMNS": "140"})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def days_of_traffic(log, *, days=2):
    begins = datetime.now(UTC) - timedelta(days=days)
    frame = traffic(
        np.random.default_rng(1),
        [f"old-{number}" for number in range(1000)],
        0.0,
        (0.2, 0.2),
        begins=begins,
    )
    write_log(log, frame)
    write_labels(log, frame)


def test_start_prints_size_and_duration_out_of_the_log(slipway, tmp_path):
    days_of_traffic(tmp_path / "log")
    done = slipway(
        "start", "--metric", "error", "--kind", "ab", "--effect", "10%", "--dry-run"
    )
    assert done.exit_code == 0
    assert re.search(r"mean 0\.\d+, spread 0\.\d+ \(planned with 0\.\d+\)", done.stdout)
    at_most = re.search(r"at most \(found in 8\d%\)\s+([\d,]+)\s+([\d,]+)", done.stdout)
    units, of_candidate = (int(text.replace(",", "")) for text in at_most.groups())
    assert units == pytest.approx(2 * of_candidate, abs=2)
    metric_fixed = re.search(r"fixed size, looked at once\s+([\d,]+)", done.stdout)
    assert int(metric_fixed[1].replace(",", "")) < units
    assert read_state(tmp_path / "state") is None


def test_a_log_of_nothing_asks_for_the_numbers(slipway):
    with pytest.raises(RolloutError, match="--std and --units-per-day"):
        slipway("start", "--metric", "log_loss")
    with pytest.raises(ConfigError, match="together or not at all"):
        slipway("start", "--metric", "log_loss", "--std", "0.4")
    given = ("--metric", "log_loss", "--std", "0.4", "--units-per-day", "1e5")
    with pytest.raises(ConfigError, match="effect in the metric's unit"):
        slipway("start", *given)
    assert slipway("start", *given, "--effect", "0.01").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "canry"), "--kind is 'canry'; expected shadow, canary"),
        (("--kind", "ab"), "ab decides by a metric"),
        (("--steps", "5%,1%"), "shares not falling"),
        (("--steps", "5%:many"), "step '5%:many' is not SHARE:REQUESTS:TIME"),
        (("--steps", "5%:1:2:3"), "is not SHARE:REQUESTS:TIME"),
        (("--steps", "five"), "'five' is no share"),
        (("--steps", "5%:1:2"), "'2' is no length of time"),
        (("--kind", "blue_green", "--steps", "50%"), "blue_green has one, of share 1"),
        (("--kind", "shadow", "--steps", "0%,5%"), "shadow has one step, not a ramp"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_name(slipway, options, message):
    with pytest.raises((RolloutError, ConfigError), match=re.escape(message)):
        slipway("start", *options)


def test_from_start_to_end(slipway, tmp_path):
    state_dir = tmp_path / "state"
    assert slipway("start", "--steps", "20%:100").exit_code == 0
    state = read_state(state_dir)
    shown = slipway("status").stdout
    assert "running" in shown
    assert "100 more requests of the candidate in this step" in shown
    write_counts(state_dir, arm_counts(900), arm_counts(150), rollout=state.id)
    assert "the next look decides" in slipway("status").stdout
    done = slipway("watch")
    assert done.exit_code == 0
    assert "decided: The candidate answered 150 requests" in done.stdout
    document = json.loads(slipway("status", "--json").stdout)
    assert document["state"]["decision"]["verdict"] == "promote"
    assert document["numbers"]["requests"] == {"stable": 900, "candidate": 150}


def test_a_rollback_has_its_own_exit_code(slipway, tmp_path):
    slipway("start", "--steps", "20%:100")
    state = read_state(tmp_path / "state")
    write_counts(
        tmp_path / "state", arm_counts(900), arm_counts(150, 40), rollout=state.id
    )
    done = slipway("watch", "--once")
    assert done.exit_code == 4
    assert "40 of 150" in done.stdout
    shown = slipway("status").stdout
    assert "rollback by errors" in shown
    assert "broken" in shown


def test_stop_needs_a_reason_and_ends_it(slipway, tmp_path):
    slipway("start")
    assert slipway("stop").exit_code == 2
    assert slipway("stop", "--reason", "complaints", "--by", "ada").exit_code == 0
    assert read_state(tmp_path / "state").decision.reason == "complaints"
    assert "ada" in _last_event(tmp_path)
    assert slipway("watch").exit_code == 0


def test_stop_tells_who_ran_it(slipway, tmp_path):
    slipway("start")
    slipway("stop", "--reason", "complaints")
    assert f"{getpass.getuser()}@{socket.gethostname()}" in _last_event(tmp_path)


def _last_event(tmp_path):
    return (tmp_path / "state" / "events.jsonl").read_text().splitlines()[-1]


def test_watch_goes_on_where_a_file_cannot_be_read_at_a_look(slipway, tmp_path):
    slipway("start", "--steps", "20%:100")
    counts = tmp_path / "state" / "counts"
    counts.mkdir()
    (counts / "a.json").write_text("torn")
    state = read_state(tmp_path / "state")

    def mend():
        write_counts(
            tmp_path / "state", arm_counts(900), arm_counts(150), rollout=state.id
        )

    timer = threading.Timer(0.5, mend)
    timer.start()
    with pytest.raises(RouterError, match="cannot be used as counts"):
        slipway("watch", "--once")
    done = slipway("watch", "--every", "0.1s")
    timer.join()
    assert done.exit_code == 0
    assert "Looking again." in done.stderr
    assert "decided: The candidate answered 150" in done.stdout
