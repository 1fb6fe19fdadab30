"""Retention removes files of the log's own of dates long ago, and nothing else."""

import os
import time
from datetime import UTC, datetime

from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_writer import PredictionLogWriter
from serving.prediction_log.retention import remove_old_files

NAME = "20250601T130501.250000Z-9f86d081884c-000017.parquet"
NOW = datetime(2025, 6, 11, 12, tzinfo=UTC)


def touch(path, content="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def hour(tmp_path, day, hour="13"):
    return tmp_path / "rides" / f"date=2025-06-{day}" / f"hour={hour}"


def test_only_dates_longer_ago_go(tmp_path):
    old = touch(hour(tmp_path, "01") / NAME)
    kept = [touch(hour(tmp_path, day) / NAME) for day in ("04", "11")]
    assert remove_old_files(tmp_path, 7, NOW) == 1
    assert not old.parent.parent.exists()
    assert all(path.exists() for path in kept)


def test_without_days_everything_stays(tmp_path):
    old = touch(hour(tmp_path, "01") / NAME)
    assert remove_old_files(tmp_path, 0, NOW) == 0
    assert old.exists()


def test_what_is_not_the_logs_stays(tmp_path):
    foreign = [
        touch(hour(tmp_path, "01") / "notes.txt"),
        touch(hour(tmp_path, "01") / "mine.parquet"),
        touch(hour(tmp_path, "01", "25") / NAME),
        touch(tmp_path / "rides" / "date=2025-06-31" / "hour=13" / NAME),
        touch(tmp_path / "rides" / "date=2025-06-01-copy" / "hour=13" / NAME),
        touch(tmp_path / "rides" / "labels" / NAME),
        touch(tmp_path / "rides" / "writers" / "9f86d081884c.json"),
        touch(tmp_path / NAME),
    ]
    own = touch(hour(tmp_path, "01") / NAME)
    assert remove_old_files(tmp_path, 7, NOW) == 1
    assert not own.exists()
    assert all(path.exists() for path in foreign)


def test_links_are_not_followed(tmp_path):
    outside = touch(tmp_path / "elsewhere" / "hour=13" / NAME)
    (tmp_path / "log" / "rides").mkdir(parents=True)
    (tmp_path / "log" / "rides" / "date=2025-06-01").symlink_to(outside.parent.parent)
    linked = hour(tmp_path / "log", "02") / NAME
    linked.parent.mkdir(parents=True)
    linked.symlink_to(outside)
    assert remove_old_files(tmp_path / "log", 7, NOW) == 0
    assert outside.exists()


def test_files_that_never_were_whole_go_after_an_hour(tmp_path):
    dead = touch(hour(tmp_path, "11") / f".{NAME}.part")
    young = touch(hour(tmp_path, "10") / f".{NAME}.part")
    os.utime(dead, (time.time() - 3700,) * 2)
    remove_old_files(tmp_path, 0, NOW)
    assert not dead.exists()
    assert young.exists()


def test_a_log_that_is_not_there_is_no_error(tmp_path):
    assert remove_old_files(tmp_path / "none", 7, NOW) == 0


def test_the_writer_does_it_by_itself(tmp_path, eventually):
    old = touch(tmp_path / "rides" / "date=2020-01-01" / "hour=13" / NAME)
    writer = PredictionLogWriter(LogConfig(log_dir=tmp_path, retention_days=30))
    eventually(lambda: not old.exists())
    writer.close()


def test_counters_of_writers_long_gone_go(tmp_path):
    old = touch(tmp_path / "rides" / "writers" / "9f86d081884c.json")
    foreign = touch(tmp_path / "rides" / "writers" / "notes.json")
    young = touch(tmp_path / "rides" / "writers" / "60303ae22b99.json")
    for path, day in ((old, 3), (foreign, 3), (young, 4)):
        stamp = datetime(2025, 6, day, 23, tzinfo=UTC).timestamp()
        os.utime(path, (stamp, stamp))
    remove_old_files(tmp_path, 7, NOW)
    assert [path.exists() for path in (old, foreign, young)] == [False, True, True]
