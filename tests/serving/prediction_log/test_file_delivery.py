"""A disk that takes nothing costs the rows beyond the buffer, and no request."""

import os
import resource
import signal

import pytest

from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_reader import PredictionLog
from serving.prediction_log.log_writer import PredictionLogWriter
from tests.serving.prediction_log.rides_log import ride


@pytest.fixture
def start(tmp_path):
    """A function that starts a writer which closes a file at every row."""
    writers = []

    def make(**settings):
        config = LogConfig(log_dir=tmp_path / "log", rotate_rows=1, **settings)
        writers.append(PredictionLogWriter(config))
        return writers[-1]

    yield make
    for writer in writers:
        writer.close()


def logged_ids(tmp_path):
    log = PredictionLog(tmp_path / "log", "rides")
    return log.read(columns=["request_id"])["request_id"].to_pylist()


def test_a_folder_that_is_gone_is_made_again(start, tmp_path, eventually):
    writer = start()
    assert writer.offer(ride("a"))
    eventually(lambda: (tmp_path / "log" / "rides").is_dir() and logged_ids(tmp_path))
    (tmp_path / "log").rename(tmp_path / "moved")
    assert writer.offer(ride("b"))
    eventually(lambda: logged_ids(tmp_path) == ["b"])


def test_what_waits_for_the_folder_comes_when_it_does(start, tmp_path, eventually):
    (tmp_path / "log").write_text("in the way")
    writer = start()
    for name in "abc":
        assert writer.offer(ride(name))
        eventually(lambda: not writer._queue.rows)
    assert writer.buffered_rows == 3
    (tmp_path / "log").unlink()
    eventually(lambda: logged_ids(tmp_path) == ["a", "b", "c"])
    assert writer.counters.dropped == 0


def test_beyond_the_buffer_rows_are_dropped_and_counted(start, tmp_path, eventually):
    (tmp_path / "log").write_text("in the way")
    writer = start(buffer_bytes=0)
    assert writer.offer(ride("a"))
    eventually(lambda: writer.counters.value("unwritable", "rides") == 1)
    (tmp_path / "log").unlink()
    eventually(lambda: writer.offer(ride("b")) and logged_ids(tmp_path), limit_s=15)
    writer.close()
    (counts,) = PredictionLog(tmp_path / "log", "rides").dropped().values()
    assert counts["dropped"] == counts["unwritable"] >= 1


def test_a_full_disk_leaves_nothing_half_written(start, tmp_path, eventually):
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = start()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        assert writer.offer(ride("a"))
        eventually(lambda: writer._files._delivery._failed_s is not None)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    eventually(lambda: logged_ids(tmp_path) == ["a"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_permission_that_returns(start, tmp_path, eventually):
    (tmp_path / "log").mkdir(mode=0o500)
    writer = start()
    assert writer.offer(ride("a"))
    eventually(lambda: writer._files._delivery._failed_s is not None)
    (tmp_path / "log").chmod(0o700)
    eventually(lambda: logged_ids(tmp_path) == ["a"])


def test_what_still_waits_at_the_end_is_counted(start, tmp_path):
    (tmp_path / "log").write_text("in the way")
    writer = start()
    writer.offer(ride("a"))
    writer.close()
    assert writer.counters.value("unwritable") == 1
    assert writer.buffered_rows == 0
