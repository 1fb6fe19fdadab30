"""Forked workers: results in order, errors as they were, no orphan."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from components.file_workers.forked_workers import (
    MAX_AUTOMATIC_WORKERS,
    count_workers,
    current_workers,
    forked_workers,
)

WORK = '''
import os, time

def second_first(name, folder):
    """The first file waits for the second: only workers side by side get through."""
    other = os.path.join(folder, "b")
    while name == "a" and not os.path.exists(other):
        time.sleep(0.01)
    open(os.path.join(folder, name), "w").close()
    return f"{name} {os.getpid()}"

def refuse(name):
    raise ValueError(f"{name} is torn")

def stay(name, folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    while True:
        time.sleep(0.01)
'''
RUN = """
import sys, os
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from components.file_workers.forked_workers import forked_workers
from components.file_workers.map_files import MapFiles
import work

runner = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
options = PipelineOptions(["--runner=" + runner, "--file_workers=2"])
with forked_workers(options), beam.Pipeline(options=options) as pipeline:
    _ = (
        pipeline
        | beam.Create(["a", "b", "c", "d", "e", "f", "g"])
        | beam.ParDo(MapFiles(getattr(work, sys.argv[1]), *sys.argv[2:]))
        | beam.Map(print)
    )
print("parent", os.getpid())
"""


@pytest.fixture
def start(tmp_path):
    """Starts RUN with a function of WORK; the process ends with the test."""
    (tmp_path / "work.py").write_text(WORK)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), "."])}
    started = []

    def start_one(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def test_results_come_in_order_from_other_processes(start, tmp_path):
    folder = tmp_path / "done"
    folder.mkdir()

    output, errors = start("second_first", folder).communicate(timeout=120)

    lines = [line.split() for line in output.splitlines()]
    assert [name for name, _ in lines] == [*"abcdefg", "parent"], errors[-2000:]
    workers = {pid for name, pid in lines if name != "parent"}
    assert len(workers) == 2
    assert lines[-1][1] not in workers


def test_what_a_worker_raises_is_raised_with_its_message(start):
    process = start("refuse")
    _, errors = process.communicate(timeout=120)

    assert process.returncode == 1
    assert "ValueError: a is torn" in errors


def test_workers_end_when_their_parent_is_killed(start, tmp_path):
    folder = tmp_path / "pids"
    folder.mkdir()
    process = start("stay", folder)
    pids = wait_for(lambda: len(list(folder.iterdir())) == 2 and list(folder.iterdir()))

    process.send_signal(signal.SIGKILL)
    process.wait()

    wait_for(lambda: not any(is_alive(int(path.name)) for path in pids))


def wait_for(condition, limit_s=60):
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_number_of_workers_follows_the_option_and_the_processors(monkeypatch):
    assert count_workers(PipelineOptions([])) == 1
    assert count_workers(PipelineOptions(["--file_workers=5"])) == 5
    automatic = PipelineOptions(["--file_workers=0"])
    for processors, expected in (({3}, 1), (set(range(64)), MAX_AUTOMATIC_WORKERS)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, p=processors: p)
        assert count_workers(automatic) == expected


def test_negative_number_of_workers_is_refused():
    with pytest.raises(ValueError, match=r"--file_workers is -1; give the number"):
        count_workers(PipelineOptions(["--file_workers=-1"]))


def test_process_in_which_tensorflow_runs_is_not_forked(caplog):
    tf.constant(1)
    with forked_workers(PipelineOptions(["--file_workers=2"])):
        assert current_workers() is None
    assert "with 1 process instead of 2" in caplog.text
