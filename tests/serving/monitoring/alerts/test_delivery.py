"""From an alarm to whoever is told, through real servers and processes."""

import json
import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.monitoring.alerts.alert_manager import AlertManager
from serving.monitoring.alerts.alert_settings import (
    AlertRule,
    AlertSettings,
    ChannelSettings,
)
from serving.monitoring.alerts.alert_state import read_alert_state
from serving.monitoring.alerts.errors import AlertError
from tests.serving.monitoring.alerts.receiver import receiver
from tests.serving.monitoring.sample_reports import (
    alarm,
    calm_window,
    report,
    window,
)

FIRST = report(window(1, alarm()))
SECOND = report(window(1, alarm()), window(2, alarm(severity="critical")))


@pytest.fixture
def slack():
    with receiver() as found:
        yield found


class Alerts:
    """A manager of one channel, and the pauses that it asked for."""

    def __init__(self, folder, channel, url=""):
        self.folder, self.channel, self.url = folder, channel, url
        self.pauses = []
        self.restart()

    def restart(self):
        rules = (AlertRule(name="all", channels=("ops",)),)
        settings = AlertSettings(channels={"ops": self.channel}, rules=rules)
        self.manager = AlertManager(
            self.folder,
            "flights",
            settings,
            {"SLACK_URL": self.url},
            pause=self.pauses.append,
        )

    def tell(self, found):
        self.manager.take(found)
        self.manager.deliver()
        return self.manager.state


def webhook(**changes):
    return ChannelSettings(
        **{"kind": "webhook", "url_env": "SLACK_URL", "timeout_s": 5.0, **changes}
    )


def command(tmp_path, text, **changes):
    script = tmp_path / "told.py"
    script.write_text(text)
    arguments = (sys.executable, "-S", str(script), "$(touch danger)")
    return ChannelSettings(kind="command", command=arguments, **changes)


def test_a_webhook_gets_slack_s_json(tmp_path, slack):
    alerts = Alerts(tmp_path, webhook(), slack.url)
    state = alerts.tell(FIRST)
    (body,) = slack.bodies
    assert slack.paths == ["/services/T0/B0/very-secret"]
    assert body["text"] == (
        ":warning: flights: warning unknown carrier: carrier has 30.0% unknown values "
        "of 921 rows."
    )
    assert [block["type"] for block in body["blocks"]] == ["section", "context"]
    assert state.num_delivered == {"ops": 1}
    assert state.pending == {}


def test_a_value_of_a_request_cannot_mention_everybody(tmp_path, slack):
    named = alarm(message="carrier is <!channel> & <https://evil|here> in 30%.")
    Alerts(tmp_path, webhook(), slack.url).tell(report(window(1, named)))
    text = json.dumps(slack.bodies[0])
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;https://evil|here&gt;" in text


def test_a_restart_repeats_nothing(tmp_path, slack):
    alerts = Alerts(tmp_path, webhook(), slack.url)
    alerts.tell(FIRST)
    alerts.restart()
    alerts.tell(FIRST)
    assert len(slack.bodies) == 1
    alerts.restart()
    alerts.tell(SECOND)
    assert len(slack.bodies) == 2
    assert "graver: critical unknown carrier" in slack.bodies[1]["text"]


def test_a_server_s_fault_is_tried_again_with_growing_pauses(tmp_path, slack):
    slack.answers = [500, "close", 200]
    alerts = Alerts(tmp_path, webhook(num_tries=3, first_pause_s=0.5), slack.url)
    state = alerts.tell(FIRST)
    assert len(slack.bodies) == 3
    assert alerts.pauses == [0.5, 1.0]
    assert state.num_delivered == {"ops": 1}


def test_what_was_not_delivered_is_kept_shown_and_comes_later_in_order(tmp_path, slack):
    slack.answers = [503, 503]
    alerts = Alerts(tmp_path, webhook(num_tries=1), slack.url)
    state = alerts.tell(FIRST)
    assert state.errors == {"ops": "answer 503: 'invalid_payload'"}
    alerts.restart()
    state = alerts.tell(SECOND)
    assert [entry.event for entry in state.pending["ops"]] == ["firing", "escalated"]
    assert len(slack.bodies) == 2, "the second must not overtake the first"
    alerts.restart()
    state = alerts.tell(SECOND)
    assert state.pending == {}
    assert state.errors == {}
    texts = [body["text"].split(" ")[2] for body in slack.bodies]
    assert texts == ["warning", "warning", "warning", "graver:"]


def test_what_is_refused_for_good_holds_up_nothing_and_is_shown(tmp_path, slack):
    slack.answers = [400]
    alerts = Alerts(tmp_path, webhook(), slack.url)
    alerts.manager.take(FIRST)
    alerts.manager.take(SECOND)
    alerts.manager.deliver()
    assert len(slack.bodies) == 2
    assert alerts.pauses == []
    state = read_alert_state(tmp_path, "flights")
    (kept,) = state.set_aside
    assert (kept.channel, kept.notification.number) == ("ops", 1)
    assert kept.error == "answer 400: 'invalid_payload'"
    assert state.num_delivered == {"ops": 1}


def test_a_redirect_is_not_followed(tmp_path, slack):
    slack.answers = [302]
    state = Alerts(tmp_path, webhook(num_tries=1), slack.url).tell(FIRST)
    assert slack.paths == ["/services/T0/B0/very-secret"]
    assert state.errors["ops"].startswith("answer 302")


def test_a_server_that_says_nothing_is_given_up(tmp_path, slack):
    slack.answers = ["hang"]
    began = time.monotonic()
    state = Alerts(tmp_path, webhook(num_tries=1, timeout_s=0.2), slack.url).tell(FIRST)
    assert time.monotonic() - began < 5
    assert "TimeoutError" in state.errors["ops"] or "timed out" in state.errors["ops"]


@pytest.mark.parametrize("answers", [[500], [400], ["close"], None], ids=str)
def test_the_address_is_in_no_log_and_no_file(tmp_path, slack, caplog, answers):
    caplog.set_level(logging.DEBUG)
    url = slack.url
    if answers is None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        url = f"http://127.0.0.1:{port}/services/very-secret"
    slack.answers = list(answers or [])
    Alerts(tmp_path, webhook(num_tries=1), url).tell(FIRST)
    assert caplog.text
    assert "secret" not in caplog.text
    assert "secret" not in (tmp_path / "alerts.json").read_text()


def test_an_address_that_http_refuses_is_not_repeated_either(tmp_path):
    url = "http://127.0.0.1:9/very\x7fsecret"
    state = Alerts(tmp_path, webhook(num_tries=1), url).tell(FIRST)
    assert state.errors == {"ops": "no answer: InvalidURL"}


@pytest.mark.parametrize("url", ["", "file:///etc/secret", "https://", "http://a b/"])
def test_a_variable_without_an_address_is_refused_unseen(tmp_path, url):
    with pytest.raises(AlertError, match="environment variable SLACK_URL") as caught:
        Alerts(tmp_path, webhook(), url)
    assert "secret" not in str(caught.value)


def test_a_command_gets_json_and_no_shell(tmp_path):
    text = (
        "import pathlib, sys\n"
        "pathlib.Path(__file__).with_name('got.json').write_text(sys.stdin.read())\n"
        "assert sys.argv[1:] == ['$(touch danger)']\n"
    )
    state = Alerts(tmp_path, command(tmp_path, text)).tell(FIRST)
    assert state.num_delivered == {"ops": 1}
    got = json.loads((tmp_path / "got.json").read_text())
    assert got["alarm_id"] == "unknown:carrier"
    assert (got["event"], got["severity"], got["number"]) == ("firing", "warning", 1)
    assert got["value"] == 0.3
    assert not Path("danger").exists()


def test_a_command_that_fails_is_tried_again(tmp_path):
    text = (
        "import pathlib, sys\n"
        "mark = pathlib.Path(__file__).with_name('mark')\n"
        "was_there = mark.exists()\n"
        "mark.touch()\n"
        "sys.exit(None if was_there else 'the pager sleeps')\n"
    )
    alerts = Alerts(tmp_path, command(tmp_path, text, num_tries=1))
    state = alerts.tell(FIRST)
    assert state.errors["ops"].endswith("ended with 1: 'the pager sleeps'")
    assert alerts.tell(FIRST).num_delivered == {"ops": 1}


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path):
    text = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c',"
        " 'import time; time.sleep(60)'])\n"
        "path = pathlib.Path(__file__).with_name('child')\n"
        "path.write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    channel = command(tmp_path, text, num_tries=1, timeout_s=2.0)
    state = Alerts(tmp_path, channel).tell(FIRST)
    assert state.errors["ops"].endswith("took longer than 2 s")
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_program_that_is_not_there_is_no_crash(tmp_path):
    channel = ChannelSettings(kind="command", command=("/no/such",), num_tries=1)
    state = Alerts(tmp_path, channel).tell(FIRST)
    assert state.errors["ops"].startswith("/no/such cannot be started: No such file")


def test_the_log_gets_a_line_at_the_alarm_s_severity(tmp_path, caplog):
    caplog.set_level(logging.INFO, "slipway.alerts")
    alerts = Alerts(tmp_path, ChannelSettings(kind="log"))
    alerts.tell(FIRST)
    alerts.tell(report(window(1, alarm()), calm_window(2)))
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO"]
    assert "flights: resolved: warning unknown carrier" in caplog.messages[1]


def test_a_channel_that_the_settings_lost_keeps_what_waits(tmp_path, slack):
    slack.answers = [500]
    Alerts(tmp_path, webhook(num_tries=1), slack.url).tell(FIRST)
    manager = AlertManager(tmp_path, "flights", AlertSettings(), {})
    manager.deliver()
    assert manager.state.errors == {"ops": "the settings no longer have this channel"}
    assert len(manager.state.pending["ops"]) == 1


def test_an_alarm_that_came_and_went_between_two_reports_is_told(tmp_path, slack):
    alerts = Alerts(tmp_path, webhook(), slack.url)
    alerts.tell(report(calm_window(1)))
    alerts.tell(report(calm_window(1), window(2, alarm()), calm_window(3)))
    marks = [body["text"].split(" ")[0] for body in slack.bodies]
    assert marks == [":warning:", ":white_check_mark:"]


def test_a_first_report_tells_no_history(tmp_path, slack):
    alerts = Alerts(tmp_path, webhook(), slack.url)
    alerts.tell(report(window(1, alarm()), calm_window(2)))
    assert slack.bodies == []


KILLED = """
import os, sys
from pathlib import Path
from serving.monitoring.alerts import alert_manager
from serving.monitoring.alerts.alert_settings import *
from tests.serving.monitoring.sample_reports import alarm, report, window
rules = (AlertRule(name="all", channels=("ops",)),)
channels = {"ops": ChannelSettings(kind="webhook", url_env="SLACK_URL")}
settings = AlertSettings(channels=channels, rules=rules)
manager = alert_manager.AlertManager(Path(sys.argv[1]), "flights", settings, os.environ)
manager.take(report(window(1, alarm())))
if sys.argv[2] == "before":
    os._exit(9)
manager._save = lambda state: os._exit(9)
manager.deliver()
"""


@pytest.mark.parametrize(("moment", "num_sent"), [("before", 1), ("after", 2)])
def test_a_kill_loses_no_alert(tmp_path, slack, moment, num_sent):
    root = Path(__file__).parents[4]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), moment],
        cwd=root,
        env={**os.environ, "SLACK_URL": slack.url, "PYTHONPATH": str(root)},
        check=False,
    )
    assert killed.returncode == 9
    Alerts(tmp_path, webhook(), slack.url).tell(FIRST)
    assert len(slack.bodies) == num_sent
    assert len({body["text"] for body in slack.bodies}) == 1
    assert read_alert_state(tmp_path, "flights").pending == {}
