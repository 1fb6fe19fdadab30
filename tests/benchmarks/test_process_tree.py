"""What a process tree used, measured on trees whose use is known."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import process_tree
from benchmarks.process_tree import TreeUsage

MIB = 1 << 20
BURN = "import time\nwhile time.process_time() < 0.4: pass\n"
HOLD = f"held = bytearray({100 * MIB})\nimport os, time\n"


@pytest.fixture
def measured(tmp_path):
    def run(code):
        result = tmp_path / "usage.json"
        command = [sys.executable, process_tree.__file__, str(result)]
        done = subprocess.run([*command, sys.executable, "-c", code], check=False)
        return done.returncode, TreeUsage(**json.loads(result.read_text()))

    return run


def test_a_grandchild_counts(measured):
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    returncode, usage = measured(code)
    assert returncode == usage.returncode == 0
    assert usage.cpu_s >= 0.4
    assert usage.num_processes == 3


def test_an_orphan_counts_and_is_ended(measured, tmp_path):
    # The grandchild has a session of its own and outlives everyone it descends from.
    pid_file = tmp_path / "pid"
    orphan = (
        f"import os\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\n{BURN}"
        f"open({str(pid_file)!r} + '.done', 'w').close()\nimport time; time.sleep(60)"
    )
    code = (
        "import subprocess, sys, os, time\n"
        f"command = [sys.executable, '-c', {orphan!r}]\n"
        "subprocess.Popen(command, start_new_session=True)\n"
        f"while not os.path.exists({str(pid_file)!r} + '.done'): time.sleep(0.02)"
    )
    _, usage = measured(code)
    assert usage.cpu_s >= 0.4
    assert usage.wall_s < 30
    assert not Path(f"/proc/{pid_file.read_text()}").exists()


def test_memory_that_forks_share_counts_once(measured):
    code = HOLD + (
        "for i in range(len(held) // 4096): held[i * 4096] = 1\n"
        "pid = os.fork()\n"
        "time.sleep(1)\n"
        "if pid: os.waitpid(pid, 0)\n"
    )
    _, usage = measured(code)
    assert usage.num_processes == 2
    assert 100 * MIB < usage.peak_bytes < 150 * MIB


def test_a_peak_that_is_over_at_the_end_counts(measured):
    code = HOLD + (
        "for i in range(len(held) // 4096): held[i * 4096] = 1\n"
        "time.sleep(1)\ndel held\ntime.sleep(0.3)"
    )
    _, usage = measured(code)
    assert usage.peak_bytes > 100 * MIB


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_a_measurement_that_is_ended_leaves_no_process(tmp_path, signal_name):
    pid_file = tmp_path / "pid"
    child = (
        "import os, time\n"
        f"with open({str(pid_file)!r}, 'w') as file: file.write(f'{{os.getpid()}}.')\n"
        "time.sleep(60)"
    )
    code = (
        "import subprocess, sys\n"
        f"command = [sys.executable, '-c', {child!r}]\n"
        "subprocess.run(command, start_new_session=True)"
    )
    measuring = subprocess.Popen(
        [
            *(sys.executable, process_tree.__file__, str(tmp_path / "usage.json")),
            *(sys.executable, "-c", code),
        ],
        stderr=subprocess.DEVNULL,
    )
    while not (pid_file.exists() and pid_file.read_text().endswith(".")):
        time.sleep(0.02)
    measuring.send_signal(getattr(signal, signal_name))
    measuring.wait(timeout=30)
    assert not Path(f"/proc/{pid_file.read_text().rstrip('.')}").exists()
    assert not (tmp_path / "usage.json").exists()


@pytest.mark.parametrize(
    ("code", "returncode", "kept"),
    [
        ("raise SystemExit(4)", 4, 4),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, -9),
    ],
)
def test_the_exit_code_is_the_commands(measured, code, returncode, kept):
    found, usage = measured(code)
    assert (found, usage.returncode) == (returncode, kept)


def test_a_process_that_has_ended_holds_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert process_tree.pss_bytes(process.pid) == 0
