"""One run at a time in a work folder, and deaths told in words."""

import os
import signal
import subprocess
import sys

import pytest

from pipeline.local_runner import WorkDirBusyError, _death, exclusive
from pipeline.run_record import WorkDir

HOLD = """
import sys
from pathlib import Path
from pipeline.local_runner import exclusive
from pipeline.run_record import WorkDir
with exclusive(WorkDir(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    return holder


def test_second_run_in_the_same_folder_is_refused_and_names_the_first(tmp_path):
    holder = hold(tmp_path)
    try:
        with (
            pytest.raises(WorkDirBusyError, match=rf"\(process {holder.pid}\)"),
            exclusive(WorkDir(tmp_path)),
        ):
            pass
    finally:
        holder.communicate("")
    with exclusive(WorkDir(tmp_path)):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_killed_holder_does_not_block_the_next_run(tmp_path):
    holder = hold(tmp_path)
    holder.kill()
    holder.wait()
    with exclusive(WorkDir(tmp_path)):
        pass


def test_death_is_told_in_words():
    assert "run out of memory" in _death(-signal.SIGKILL).message
    assert _death(-signal.SIGSEGV).message == "its process was ended by SIGSEGV."
    assert _death(7).message == "its process ended with exit code 7."


def test_light_commands_import_nothing_heavy():
    check = (
        "import sys, pipeline.cli, pipeline.run_pipeline, pipeline.terminal; "
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'pandas'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
