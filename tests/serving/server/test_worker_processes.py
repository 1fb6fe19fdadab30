"""Two real workers: ports, counts and the access log are those of one server."""

import json
import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from serving.server_check.server_process import ServerProcess
from tests.serving.server.small_models import write_linear

COUNT = re.compile(r"^:tensorflow:serving:request_count{.*} (\d+)$", re.MULTILINE)


class Workers:
    """A server of two workers that counts and logs.

    Attributes:
        num_asked: How many requests were answered so far.
    """

    def __init__(self, server, access_log):
        self.server = server
        self.access_log = access_log
        self.num_asked = 0

    def predict(self, times):
        """Every request over a connection of its own, so that each worker gets some."""
        url = f"{self.server.rest_address}/v1/models/m:predict"
        for _ in range(times):
            answer = httpx.post(url, content=b'{"instances": [1.0]}', timeout=20)
            assert answer.json()["predictions"] == [2.5]
            self.num_asked += 1

    def count(self):
        """Returns how many requests one worker's page shows."""
        return int(COUNT.search(self.server.metrics_text())[1])

    def all_show(self, expected):
        """Whether every page of several does; one worker's are all but impossible."""
        return all(self.count() == expected for _ in range(8))

    def num_starts(self):
        return self.server.log_text().count(" Serving.")

    def pids(self):
        found = re.findall(r"worker (\d) is process (\d+)", self.server.log_text())
        return {int(number): int(pid) for number, pid in found}

    def metrics_dir(self):
        command = Path(f"/proc/{self.pids()[0]}/cmdline").read_text().split("\0")
        (flag,) = [word for word in command if word.startswith("--metrics_file=")]
        return Path(flag.removeprefix("--metrics_file=")).parent

    def written(self):
        """Returns how many requests the workers' files hold, no page being asked."""
        files = [
            json.loads(path.read_text()) for path in self.metrics_dir().glob("*.json")
        ]
        return sum(amount for file in files for _, amount in file["requests"])

    def logged(self):
        """Returns the lines of predictions; every line is whole."""
        text = self.access_log.read_text() if self.access_log.exists() else ""
        found = [json.loads(line) for line in text.splitlines()]
        return [line for line in found if line["api"] == "predict"]


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    write_linear(folder / "m" / "1")
    monitoring = folder / "monitoring.txt"
    monitoring.write_text("prometheus_config { enable: true }")
    access_log = folder / "access.jsonl"
    flags = (
        "--workers=2",
        "--model_name=m",
        f"--model_base_path={folder / 'm'}",
        f"--monitoring_config_file={monitoring}",
        f"--access_log={access_log}",
    )
    with ServerProcess(flags, log=folder / "log") as server:
        made = Workers(server, access_log)
        wait_until(lambda: made.num_starts() == 2, 120)
        yield made


def wait_until(condition, limit_s=20.0):
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come to pass"
        time.sleep(0.02)


def test_page_of_each_worker_shows_the_counts_of_all(workers):
    workers.predict(40)
    wait_until(lambda: workers.written() == workers.num_asked)
    # The other worker's counts are at most a second old.
    wait_until(lambda: workers.all_show(workers.num_asked))
    wait_until(lambda: len(workers.logged()) == workers.num_asked)
    served_by = {line["request_id"].partition("-")[0] for line in workers.logged()}
    assert len(served_by) == 2


def test_counts_do_not_go_back_when_a_worker_is_killed(workers):
    workers.predict(10)
    wait_until(lambda: workers.all_show(workers.num_asked))
    wait_until(lambda: len(workers.logged()) == workers.num_asked)
    num_starts = workers.num_starts()
    os.kill(workers.pids()[0], signal.SIGKILL)
    wait_until(lambda: "worker 0 ended with -9" in workers.server.log_text())
    workers.predict(1)
    shown = [workers.count()]
    assert shown == [workers.num_asked]
    while workers.num_starts() == num_starts:
        assert workers.server.exit_code() is None
        workers.predict(1)
        shown.append(workers.count())
        time.sleep(0.1)
    assert shown == sorted(shown)
    workers.predict(10)
    wait_until(lambda: workers.all_show(workers.num_asked))


def test_access_log_may_be_moved_away_under_all_workers(workers, tmp_path):
    workers.predict(1)
    wait_until(lambda: len(workers.logged()) == workers.num_asked)
    moved = workers.access_log.rename(tmp_path / "access.1")
    for pid in (workers.server.pid, *workers.pids().values()):
        os.kill(pid, signal.SIGHUP)
    workers.predict(10)
    wait_until(lambda: len(workers.logged()) == 10)
    assert moved.read_text().count('"predict"') == workers.num_asked - 10


def test_all_workers_stop_together_and_leave_no_counts(workers):
    folder = workers.metrics_dir()
    assert sorted(path.name for path in folder.iterdir()) == ["0.json", "1.json"]
    os.kill(workers.server.pid, signal.SIGINT)
    wait_until(lambda: workers.server.exit_code() == 0, 30)
    assert workers.server.log_text().count("Stopped.") == 2
    assert not folder.exists()
