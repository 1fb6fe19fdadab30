"""Labels that come late: joined by key, once, and what does not fit is told."""

import errno
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.prediction_log import label_file
from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.label_store import LabelStore
from serving.prediction_log.labels import LabelColumns, LabelReport, add_labels
from serving.prediction_log.logged_request import ClientFacts
from tests.serving.prediction_log.rides_log import ride, rides, written


@pytest.fixture
def log(tmp_path):
    """Three rows, with keys k0 to k2, and one without."""
    requests = [ride(f"r{n}", facts=ClientFacts(key=f"k{n}")) for n in range(3)]
    return written(tmp_path / "log", [*requests, ride("r3")])


@pytest.fixture
def add(tmp_path, log):
    """A function that adds a CSV file's text."""

    def run(text, **columns):
        path = tmp_path / "labels.csv"
        path.write_text(text)
        return add_labels(log.log_dir, "rides", path, LabelColumns(**columns))

    return run


def labelled(log):
    table = log.read(columns=["key"], with_labels=True)
    return {row.pop("key"): row for row in table.to_pylist()}


def num_files(log):
    return len(LabelStore(log.log_dir, "rides").files())


def test_a_label_is_joined_by_key(add, log):
    report = add("key,label\nk0,1\nk2,0\nk9,1\n")
    assert report == LabelReport(
        num_rows=3,
        num_added=3,
        num_matched=2,
        num_unmatched=1,
        unmatched_keys=("k9",),
    )
    found = labelled(log)
    assert {key: row["label"] for key, row in found.items()} == {
        "k0": 1.0, "k1": None, "k2": 0.0, None: None,
    }  # fmt: skip


def test_the_same_file_again_changes_nothing(add, log):
    text = "key,label,revenue\nk0,1,2.5\nk1,0,\n"
    add(text)
    before = labelled(log)
    report = add(text)
    assert (report.num_added, report.num_unchanged, report.num_changed) == (0, 2, 0)
    assert labelled(log) == before
    assert num_files(log) == 1


def test_the_newest_label_wins_and_is_counted(add, log):
    add("key,label\nk0,1\nk1,1\n")
    report = add("key,label\nk0,0\nk1,1\n")
    assert (report.num_added, report.num_unchanged, report.num_changed) == (0, 1, 1)
    assert labelled(log)["k0"]["label"] == 0.0
    assert labelled(log)["k1"]["label"] == 1.0
    assert add("key,label\nk0,1\n").num_changed == 1
    assert labelled(log)["k0"]["label"] == 1.0


def test_a_file_that_contradicts_itself_is_taken_by_its_last_word(
    add, log, monkeypatch
):
    monkeypatch.setattr(label_file, "_BLOCK_BYTES", 24)
    text = "key,label\n" + "k0,1\n" * 9 + "k0,0\nk0,0\n"
    report = add(text)
    assert (report.num_added, report.num_unchanged) == (1, 1)
    assert report.num_overruled == 9
    assert labelled(log)["k0"]["label"] == 0.0
    again = add(text)
    assert (again.num_added, again.num_changed, again.num_overruled) == (0, 0, 9)
    assert num_files(log) == 1


def test_an_unmatched_key_is_kept_for_the_row_to_come(add, log):
    assert add("key,label\nlater,1\n").unmatched_keys == ("later",)
    written(log.log_dir, [ride("r9", facts=ClientFacts(key="later"))])
    assert labelled(log)["later"]["label"] == 1.0
    assert add("key,label\nlater,1\n").num_unmatched == 0


def test_metrics_and_times_come_along(add, log):
    add(
        "ride,late,when,revenue,note\nk0,1,2025-06-02T04:00:00Z,3.5,x\n",
        key="ride",
        label="late",
        label_time="when",
    )
    assert labelled(log)["k0"] == {
        "label": 1.0,
        "label_time": datetime(2025, 6, 2, 4, tzinfo=UTC),
        "metric.revenue": 3.5,
    }


def test_metrics_are_those_named_and_never_those_ignored(add, log):
    add("key,label,a,b\nk0,1,2,3\n", metrics=("b",))
    assert set(labelled(log)["k0"]) == {"label", "label_time", "metric.b"}
    add("key,label,a,b\nk1,1,2,3\n", ignored=("b",))
    assert labelled(log)["k1"]["metric.b"] is None
    assert labelled(log)["k1"]["metric.a"] == 2.0


def test_a_changed_metric_is_a_change(add, log):
    add("key,label,revenue\nk0,1,2\n")
    assert add("key,label,revenue\nk0,1,3\n").num_changed == 1
    assert labelled(log)["k0"]["metric.revenue"] == 3.0


def test_rows_without_key_or_label_are_passed_over(add, log):
    report = add("key,label\n,1\nk0,\nk1,1\n")
    assert (report.num_rows, report.num_passed_over, report.num_added) == (3, 2, 1)
    assert labelled(log)["k0"]["label"] is None


def test_digits_of_a_key_are_text(add, tmp_path):
    written(tmp_path / "log", [ride("x", facts=ClientFacts(key="007"))])
    assert add("key,label\n007,1\n").num_matched == 1


def test_parquet_with_text_labels(log, tmp_path):
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"key": ["k0", "k1"], "label": ["late", "on_time"]}), path)
    add_labels(log.log_dir, "rides", path)
    assert labelled(log)["k0"]["label"] == "late"


def test_true_is_one(log, tmp_path):
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"key": ["k0", "k1"], "label": [True, False]}), path)
    add_labels(log.log_dir, "rides", path)
    assert [labelled(log)[key]["label"] for key in ("k0", "k1")] == [1.0, 0.0]


def test_another_type_of_label_is_refused_and_nothing_is_added(add, log):
    add("key,label\nk0,1\n")
    with pytest.raises(PredictionLogError, match=r"'label' of .* is string, .* double"):
        add("key,label\nk1,late\n")
    assert num_files(log) == 1
    assert labelled(log)["k1"]["label"] is None


def test_a_missing_column_is_named(add):
    with pytest.raises(
        PredictionLogError, match="has no column 'label'; it has key, y"
    ):
        add("key,y\nk0,1\n")


def test_a_file_that_breaks_off_adds_nothing(add, log, monkeypatch):
    monkeypatch.setattr(label_file, "_BLOCK_BYTES", 32)
    with pytest.raises(PredictionLogError, match="cannot be read"):
        add("key,label\n" + "k0,1\n" * 20 + "k1,late\n")
    folder = LabelStore(log.log_dir, "rides").folder
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_a_full_disk_adds_nothing(add, log, monkeypatch):
    def fail(_, __):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    with pytest.raises(OSError, match="No space left"):
        add("key,label\nk0,1\n")
    folder = LabelStore(log.log_dir, "rides").folder
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_every_row_of_a_key_gets_the_label(add, log):
    rows = ride("r9", rides([1.0, 2.0]), facts=ClientFacts(key="k0,k0"))
    written(log.log_dir, [rows])
    add("key,label\nk0,1\n")
    table = log.read(columns=["key"], with_labels=True).to_pylist()
    assert [row["label"] for row in table if row["key"] == "k0"] == [1.0] * 3


def test_a_log_without_labels_says_null(log):
    assert {row["label"] for row in labelled(log).values()} == {None}
    empty = log.read(versions=[9], columns=["row"], with_labels=True)
    assert empty.column_names == ["row", "label", "label_time"]
