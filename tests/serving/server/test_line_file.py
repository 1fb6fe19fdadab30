"""Lines of several processes in one file, and a file that takes none."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from serving.server import line_file
from serving.server.line_file import PIPE_LINE_BYTES, LineFile

WRITER = """
import sys
from pathlib import Path
from serving.server.line_file import LineFile
file = LineFile(Path(sys.argv[1]))
for number in range(2000):
    file.add(sys.argv[2].encode() * 300 + b"\\n")
    if number % int(sys.argv[3]) == 0:
        file._wakes.set()
print("added", file=sys.stderr, flush=True)
file.close()
"""
LETTERS = "abc"


def start_writers(target, lines_a_write, **options):
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, target, letter, str(lines_a_write)],
            **options,
        )
        for letter in LETTERS
    ]


@pytest.fixture
def log_file(tmp_path):
    return tmp_path / "lines"


@pytest.fixture
def opened(monkeypatch):
    """A function that opens a LineFile that writes soon; the test's end closes it."""
    monkeypatch.setattr(line_file, "_FLUSH_S", 0.02)
    made = []

    def make(path):
        made.append(LineFile(path))
        return made[-1]

    yield make
    for file in made:
        file.close()


def test_lines_of_several_processes_stay_whole(log_file):
    writers = start_writers(str(log_file), 1)
    assert [writer.wait(30) for writer in writers] == [0] * 3
    found = Counter(log_file.read_text().splitlines())
    assert found == {letter * 300: 2000 for letter in LETTERS}


def test_lines_of_several_processes_stay_whole_in_one_pipe():
    readable, writable = os.pipe()
    writers = start_writers(
        "-", 500, stdout=writable, stderr=subprocess.PIPE, text=True
    )
    os.close(writable)
    for writer in writers:  # all of them wait for room before any finds it
        assert writer.stderr.readline() == "added\n"
    with open(readable, encoding="ascii") as pipe:  # noqa: PTH123 - a descriptor
        found = Counter(pipe.read().splitlines())
    assert [writer.wait(30) for writer in writers] == [0] * 3
    assert found == {letter * 300: 2000 for letter in LETTERS}


def test_closing_writes_what_waits(log_file):
    file = LineFile(log_file)
    file.add(b"one\n")
    file.close()
    file.close()
    file.add(b"too late\n")
    assert log_file.read_bytes() == b"one\n"


def test_nothing_is_written_after_closing(log_file):
    file = LineFile(log_file)
    file.close()
    file.add(b"too late\n")  # its descriptor may be another file's by now
    assert file._thread is None


def test_lines_are_there_soon_without_closing(log_file, eventually):
    file = LineFile(log_file)
    file.add(b"one\n")
    eventually(lambda: log_file.read_bytes() == b"one\n", 5)
    file.close()


def test_lines_go_where_the_path_leads(log_file, opened, eventually):
    file = opened(log_file)
    file.add(b"one\n")
    eventually(lambda: log_file.read_bytes() == b"one\n")
    moved = log_file.rename(log_file.with_name("moved"))
    file.add(b"two\n")
    eventually(lambda: log_file.exists() and log_file.read_bytes() == b"two\n")
    log_file.unlink()
    log_file.write_bytes(b"somebody else's\n")
    file.add(b"three\n")
    eventually(lambda: log_file.read_bytes() == b"somebody else's\nthree\n")
    assert moved.read_bytes() == b"one\n"


def test_full_disk_is_said_once_and_again_when_it_is_over(
    log_file, opened, caplog, eventually
):
    log_file.symlink_to("/dev/full")
    file = opened(log_file)
    for lost in (1, 2, 3):
        file.add(b"lost\n")
        eventually(lambda lost=lost: file._num_lost == lost)
    assert len(caplog.records) == 1
    assert f"{log_file} cannot be written: No space left on device" in caplog.text
    log_file.unlink()
    file.add(b"kept\n")
    eventually(lambda: "is written again; 3 lines are missing" in caplog.text)
    assert log_file.read_bytes() == b"kept\n"
    assert len(caplog.records) == 2


def test_closed_file_is_said_once_and_raises_nothing(
    log_file, opened, caplog, eventually
):
    file = opened(log_file)
    os.close(file._file)
    for lost in (1, 2):
        file.add(b"lost\n")
        eventually(lambda lost=lost: file._num_lost == lost)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Bad file descriptor" in caplog.text


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [("", b"first\nseco\nfourth\n"), ("file._path.unlink()", b"fourth\n")],
    ids=["same-file", "new-file"],
)
def test_line_that_a_full_disk_cut_does_not_run_into_the_next(
    log_file, meanwhile, expected
):
    script = f"""
import logging, resource
from pathlib import Path
from serving.server.line_file import LineFile
logging.basicConfig(format="%(message)s")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
file = LineFile(Path({str(log_file)!r}))
file._write([b"first\\n", b"second\\n", b"third\\n"])
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
{meanwhile}
file._write([b"fourth\\n"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert log_file.read_bytes() == expected
    assert "is written again; 2 lines are missing" in done.stderr


def test_nobody_waits_for_a_pipe_that_is_not_read(
    tmp_path, monkeypatch, caplog, eventually
):
    monkeypatch.setattr(line_file, "_CLOSE_S", 0.1)
    monkeypatch.setattr(line_file, "_MAX_WAITING_BYTES", 1 << 20)
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(path)
    line = b"x" * (PIPE_LINE_BYTES - 1) + b"\n"
    started = time.monotonic()
    for _ in range(2000):
        file.add(line)
    assert time.monotonic() - started < 1
    assert file._waiting_bytes <= 1 << 20
    assert "it takes lines more slowly than they come" in caplog.text
    assert len(caplog.records) == 1
    file.close()
    assert "is not done being written" in caplog.text
    os.close(reader)  # the thread that writes gets an error, and ends
    eventually(lambda: not file._thread.is_alive())
