"""A log that another process writes, and what becomes of rows when one is killed."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from serving.prediction_log import log_layout, log_process
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import read_counters
from serving.prediction_log.log_process import PredictionLogProcess
from serving.prediction_log.log_reader import PredictionLog
from serving.prediction_log.logged_request import LoggedModel
from serving.prediction_log.writer_link import WriterLink
from tests.serving.prediction_log.rides_log import CONTRACT, ride, rides, shared, texts

FEATURES = {
    "carrier_xf": np.array([3, 4]),
    "miles_x_month_xf": np.array([1.5, 2.5], np.float32),
    "miles_xf": np.array([0.5, 0.25], np.float32),
}


@pytest.fixture
def start(tmp_path):
    """A function that starts a log; it is closed after the test."""
    started = []

    def make(on_rows=None, **settings):
        config = LogConfig(log_dir=tmp_path / "log", **settings)
        started.append(PredictionLogProcess(config, on_rows))
        return started[-1]

    yield make
    for log in started:
        log.close()


@pytest.fixture
def rows_of(tmp_path):
    """A function that returns the rows on the disk."""
    return lambda: PredictionLog(tmp_path / "log", "rides").read().to_pylist()


def ids(rows):
    return sorted(row["request_id"] for row in rows)


def counters_of(tmp_path):
    folder = log_layout.model_dir(tmp_path / "log", "rides") / log_layout.WRITERS
    return [read_counters(path) for path in sorted(folder.glob("*.json"))]


def running_writer(log, eventually):
    eventually(lambda: log.writer_pid)
    return log.writer_pid


def test_rows_are_written_by_another_process(start, rows_of, tmp_path, eventually):
    log = start()
    pid = running_writer(log, eventually)
    assert psutil.Process(pid).ppid() == os.getpid()
    assert log.offer(ride("a", rides([1.5, np.nan], carrier=[b"UA", b""])))
    assert log.offer_batch(shared(["b", "c"], [0, 1], [1, 1], rides([2, 3])))
    assert log.buffered_rows == 4
    log.close()
    rows = {(row["request_id"], row["row"]): row for row in rows_of()}
    assert [rows[key]["inputs"]["miles"] for key in sorted(rows)] == [1.5, None, 2, 3]
    assert rows["a", 0]["inputs"]["carrier"] == "UA"
    assert rows["a", 1]["inputs"]["carrier"] is None
    assert log.counters.value("written", "rides") == 4
    assert log.buffered_rows == 0
    assert [found["written"] for found in counters_of(tmp_path)] == [4]
    assert not psutil.pid_exists(pid)


def test_text_that_cannot_be_joined_comes_through(start, rows_of):
    log = start()
    log.offer(ride("a", rides([1], carrier=[b"U\0A"])))
    log.close()
    assert rows_of()[0]["inputs"]["carrier"] == "U\0A"


def test_counts_are_told_at_once_in_the_server(start, eventually):
    heard = []
    log = start(lambda *count: heard.append(count), share=0.5, rotate_s=0.1)
    for number in range(40):
        log.offer(ride(f"{number}"))
    eventually(lambda: not log.buffered_rows)
    kinds = {kind for _, kind, _ in heard}
    assert kinds == {"written", "left_out"}
    assert sum(rows for _, _, rows in heard) == 40
    assert log.counters.value("written") + log.counters.value("left_out") == 40


def test_features_are_transformed_in_the_server(start, rows_of):
    threads = []

    def transform(examples):
        threads.append(threading.current_thread().name)
        assert len(examples) == 2
        return FEATURES

    model = LoggedModel(name="rides", version=1, contract=CONTRACT, transform=transform)
    log = start(transformed_share=1.0)
    log.offer(ride("a", rides([1, 2]), model=model))
    log.close()
    assert [row["transformed"]["carrier_xf"] for row in rows_of()] == [3, 4]
    assert threads == ["prediction-log-calls"]


def test_a_transform_that_fails_costs_its_features_only(start, rows_of, caplog):
    def transform(_):
        raise RuntimeError("no session")

    model = LoggedModel(name="rides", version=1, contract=CONTRACT, transform=transform)
    log = start(transformed_share=1.0)
    log.offer(ride("a", model=model))
    log.close()
    assert [row["transformed"] for row in rows_of()] == [None]
    assert "transform_features of rides 1 failed" in caplog.text


def test_rows_that_cannot_be_read_are_dropped_alone(start, rows_of, tmp_path, caplog):
    log = start()
    log.offer(ride("a"))
    log.offer(ride("b", ({}, {}), num_rows=3))  # no arrays
    log.offer(ride("c", lambda: None, num_rows=2))  # no other process has it
    log.offer(ride("d"))
    log.close()
    assert ids(rows_of()) == ["a", "d"]
    assert log.counters.value("unreadable", "rides") == 5
    assert log.buffered_rows == 0
    assert "rows of rides cannot be logged: a function" in caplog.text
    [found] = counters_of(tmp_path)
    assert (found["written"], found["unreadable"]) == (2, 5)


def test_a_full_buffer_drops_and_counts(start, tmp_path, caplog):
    log = start(buffer_rows=2)
    dropped = [log.offer(ride("b", rides([1, 2, 3]))) for _ in range(2)]
    assert dropped == [False, False]
    assert log.offer(ride("a", rides([1, 2])))
    log.close()
    assert log.counters.value("buffer_full", "rides") == 6
    [found] = counters_of(tmp_path)
    assert (found["written"], found["buffer_full"]) == (2, 6)
    assert caplog.text.count("its buffer of 2 rows is full") == 1


def test_a_killed_writer_costs_what_it_held_and_is_started_again(
    start, rows_of, tmp_path, caplog, eventually
):
    heard = []
    log = start(lambda *count: heard.append(count))
    pid = running_writer(log, eventually)
    log.offer(ride("a", rides([1, 2])))
    eventually(lambda: not log._queue.rows)
    time.sleep(0.3)  # the writer has it
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: log.counters.value("unwritable", "rides") == 2)
    assert log.offer(ride("b"))
    eventually(lambda: log.writer_pid not in (0, pid))
    log.close()
    assert ids(rows_of()) == ["b"]
    assert "ended with -9; 2 rows are lost" in caplog.text
    assert [kind for _, kind, _ in heard] == ["unwritable", "written"]
    [found] = counters_of(tmp_path)
    assert (found["written"], found["unwritable"]) == (1, 2)


def test_a_writer_that_always_ends_is_not_started_all_the_time(
    start, monkeypatch, eventually
):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    began_s = time.monotonic()
    log = start()
    log.offer(ride("a"))
    eventually(lambda: log._pause_s == pytest.approx(4.0))
    assert time.monotonic() - began_s >= 3.0  # tries after 0, 1 and 2 seconds more
    log.close()
    assert log.counters.value("unwritable", "rides") == 1


def test_a_writer_that_cannot_be_started_is_told(start, monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    log = start()
    log.offer(ride("a"))
    log.close()
    assert "cannot be started: No such file" in caplog.text
    assert log.buffered_rows == 1


def test_whatever_goes_wrong_the_log_goes_on(start, rows_of, monkeypatch, caplog):
    tries = []

    def link(*facts):
        tries.append(facts)
        if len(tries) == 1:
            raise RuntimeError("can't start new thread")
        return WriterLink(*facts)

    monkeypatch.setattr(log_process, "WriterLink", link)
    log = start()
    log.offer(ride("a"))
    time.sleep(1.5)
    log.close()
    assert ids(rows_of()) == ["a"]
    assert "can't start new thread" in caplog.text


def test_signals_of_a_terminal_do_not_end_it(start, rows_of, eventually):
    log = start()
    pid = running_writer(log, eventually)
    log.offer(ride("a"))
    eventually(lambda: "log_writer_process" in " ".join(psutil.Process(pid).cmdline()))
    time.sleep(1.0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    time.sleep(0.2)
    assert log.writer_pid == pid
    log.close()
    assert ids(rows_of()) == ["a"]


SERVER = """
import sys, time
from pathlib import Path
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_process import PredictionLogProcess
from tests.serving.prediction_log.rides_log import ride
log = PredictionLogProcess(LogConfig(log_dir=Path(sys.argv[1])))
for number in range(40):
    log.offer(ride(str(number)))
while log._queue.rows:
    time.sleep(0.01)
time.sleep(0.3)  # the last of them is in the pipe
print(log.writer_pid, flush=True)
time.sleep(60)
"""


def test_a_killed_server_loses_nothing_that_was_handed_on(
    tmp_path, rows_of, eventually
):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, tmp_path / "log"], stdout=subprocess.PIPE
    )
    with server:
        writer = int(server.stdout.readline())
        server.kill()
    eventually(lambda: not psutil.pid_exists(writer))
    assert ids(rows_of()) == sorted(map(str, range(40)))


def test_nothing_offered_leaves_nothing(start, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    log = start()
    log.close()
    assert not (tmp_path / "log").exists()
    assert not caplog.records


def test_rows_after_the_end_are_dropped(start):
    log = start()
    log.close()
    assert not log.offer(ride("a", ({"miles": texts(b"1")}, {}), num_rows=1))
    assert log.counters.value("buffer_full") == 1


def test_it_runs_this_program_whatever_the_working_directory_holds(
    start, rows_of, tmp_path, monkeypatch
):
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "__init__.py").write_text("raise SystemExit('not me')")
    monkeypatch.chdir(tmp_path)
    log = start()
    log.offer(ride("a"))
    log.close()
    assert ids(rows_of()) == ["a"]


def test_the_last_rows_wait_for_no_pause(start, rows_of, eventually):
    log = start()
    pid = running_writer(log, eventually)
    log._start_s = time.monotonic() + 60  # as after many deaths
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not log.writer_pid)
    log.offer(ride("a"))
    log.close()
    assert ids(rows_of()) == ["a"]


def test_a_file_is_closed_in_time_though_rows_keep_coming(start):
    log = start(rotate_s=0.3)
    end_s = time.monotonic() + 6
    number = 0
    while log.counters.value("written") < 10 and time.monotonic() < end_s:
        number += 1
        log.offer(ride(str(number)))
        time.sleep(0.02)
    assert time.monotonic() < end_s
