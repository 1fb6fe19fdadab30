"""Rows are found by time, version and column; files that cannot be read are named."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.log_reader import PredictionLog
from serving.prediction_log.logged_request import ClientFacts, LoggedModel
from tests.serving.prediction_log.rides_log import CONTRACT, ride, rides, written

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
EVENT = datetime(2013, 1, 1, tzinfo=UTC)


def at(hours, *, event_hours=None, version=1, name=None):
    """A request answered so many hours after BEGIN, about a moment after EVENT."""
    event = "" if event_hours is None else EVENT + timedelta(hours=event_hours)
    return ride(
        name or f"h{hours}",
        model=LoggedModel(name="rides", version=version, contract=CONTRACT),
        answered_us=int((BEGIN + timedelta(hours=hours)).timestamp() * 1e6),
        facts=ClientFacts(event_time=event and event.isoformat()),
    )


def ids(table):
    return table["request_id"].to_pylist()


def test_no_log_is_an_empty_one(tmp_path):
    log = PredictionLog(tmp_path, "rides")
    assert log.read().num_rows == 0
    assert "request_id" in log.read().column_names
    assert log.time_range() is None
    assert log.dropped() == {}


def test_the_beginning_is_in_and_the_end_is_not(tmp_path):
    log = written(tmp_path, [at(hour) for hour in range(5)])
    found = log.read(BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=3))
    assert ids(found) == ["h1", "h2"]
    naive = log.read(datetime(2025, 1, 1, 4))  # noqa: DTZ001 - UTC is meant
    assert ids(naive) == ["h4"]


def test_the_event_counts_where_the_client_told_it(tmp_path):
    log = written(tmp_path, [at(0, event_hours=5), at(1), at(2, event_hours=9)])
    assert ids(log.read(EVENT, EVENT + timedelta(hours=6))) == ["h0"]
    assert ids(log.read(BEGIN)) == ["h1"]
    assert ids(log.read(BEGIN, clock="time")) == ["h0", "h1", "h2"]
    assert log.time_range() == (EVENT + timedelta(hours=5), BEGIN + timedelta(hours=1))
    assert log.time_range("time") == (BEGIN, BEGIN + timedelta(hours=2))


def test_row_groups_out_of_range_are_not_read(tmp_path, monkeypatch):
    read = []
    original = pq.ParquetFile.read_row_groups

    def spy(self, groups, **options):
        read.append(list(groups))
        return original(self, groups, **options)

    for hour in range(3):
        written(tmp_path, [at(hour, event_hours=hour)])
    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    log = PredictionLog(tmp_path, "rides")
    assert ids(log.read(EVENT + timedelta(hours=2))) == ["h2"]
    assert read == [[0]]


def test_columns_and_fields_of_structs(tmp_path):
    log = written(tmp_path, [at(0)])
    table = log.read(BEGIN, columns=["request_id", "inputs.carrier", "nothing"])
    assert table.to_pylist() == [{"request_id": "h0", "inputs": {"carrier": "UA"}}]


def test_versions(tmp_path):
    log = written(tmp_path, [at(0, version=1), at(1, version=2), at(2, version=3)])
    assert sorted(ids(log.read(versions=[1, 3]))) == ["h0", "h2"]
    assert log.read(versions=[9]).num_rows == 0


def test_files_with_other_masks_are_read_together(tmp_path):
    written(tmp_path, [at(0)], masked=("carrier",))
    log = written(tmp_path, [at(1)])
    found = {row["request_id"]: row["inputs"] for row in log.read().to_pylist()}
    assert found["h0"] == {"carrier": None, "miles": 12.5, "month": 7}
    assert found["h1"] == {"carrier": "UA", "miles": 12.5, "month": 7}


def test_batches_are_the_same_rows(tmp_path):
    for hour in range(3):
        written(tmp_path, [at(hour)])
    log = PredictionLog(tmp_path, "rides")
    tables = list(log.batches(columns=["request_id"]))
    assert len(tables) == 3
    assert [name for table in tables for name in ids(table)] == ids(log.read())


def test_two_models_have_two_logs(tmp_path):
    other = LoggedModel(name="../taxi", version=1)
    written(tmp_path / "log", [at(0), ride("t", rides([1.0]), model=other)])
    assert ids(PredictionLog(tmp_path / "log", "rides").read()) == ["h0"]
    assert ids(PredictionLog(tmp_path / "log", "../taxi").read()) == ["t"]
    assert {path.name for path in tmp_path.iterdir()} == {"log"}


def test_a_damaged_file_is_named(tmp_path):
    log = written(tmp_path, [at(0)])
    (path,) = log.folder.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        PredictionLogError, match=f"{path} cannot be read.*Move it away"
    ):
        log.read()


def test_a_newer_format_is_refused(tmp_path):
    log = written(tmp_path, [at(0)])
    (path,) = log.folder.rglob("*.parquet")
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"slipway.format_version": "2"}), path)
    with pytest.raises(
        PredictionLogError, match=r"format_version '2'.*Upgrade slipway"
    ):
        log.read()


def test_an_unknown_clock_is_refused(tmp_path):
    with pytest.raises(ValueError, match="clock is 'wall'; expected one of event_time"):
        PredictionLog(tmp_path, "rides").read(clock="wall")


def test_a_file_that_goes_away_is_passed_over(tmp_path):
    for hour in range(2):
        written(tmp_path, [at(hour)])
    log = PredictionLog(tmp_path, "rides")
    tables = log.batches()
    next(tables)
    for path in log.folder.rglob("*.parquet"):
        path.unlink()
    assert list(tables) == []


def test_text_is_text_and_times_are_utc(tmp_path):
    schema = written(tmp_path, [at(0)]).read().schema
    assert schema.field("model").type == pa.string()
    assert schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("inputs").type.field("month").type == pa.int64()
    assert schema.field("inputs").type.field("miles").type == pa.float32()
