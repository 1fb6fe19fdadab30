"""The span contract: whole or not at all, append-only, verifiable."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.spans import (
    DataContractError,
    SpanCorruptError,
    SpanExistsError,
    SpanManifest,
    SpanNotFoundError,
    list_spans,
    load_manifest,
    verify_span,
    write_span,
)

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
EVENING = datetime(2013, 1, 1, 20, 30, tzinfo=UTC)


def rows(values: list[int], at: list[datetime | None] | None = None) -> pa.Table:
    times = pa.array(at or [NOON] * len(values), pa.timestamp("s", tz="UTC"))
    return pa.table({"at": times, "value": values})


def write(input_base: Path, span: int, table: pa.Table) -> SpanManifest:
    return write_span(input_base, span, table, event_time="at", source="by hand")


def test_written_span_is_described_by_its_manifest(tmp_path):
    manifest = write(tmp_path / "new", 7, rows([1, 2], [EVENING, NOON]))

    assert manifest == load_manifest(tmp_path / "new", 7)
    assert (manifest.span, manifest.num_rows, manifest.source) == (7, 2, "by hand")
    assert manifest.first_event_time == "2013-01-01T12:00:00Z"
    assert manifest.last_event_time == "2013-01-01T20:30:00Z"
    part = tmp_path / "new/span-7/part-00000.parquet"
    assert manifest.size_bytes == part.stat().st_size
    assert pq.read_table(part)["value"].to_pylist() == [1, 2]
    verify_span(tmp_path / "new", 7)


def test_written_span_can_be_read_by_others(tmp_path):
    write(tmp_path, 1, rows([1]))

    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "span-1").stat().st_mode & 0o777 == 0o777 & ~umask


def test_equal_rows_give_equal_bytes_however_they_are_chunked(tmp_path):
    whole = rows([1, 2, 3])
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])

    first, second = write(tmp_path / "a", 1, whole), write(tmp_path / "b", 1, pieces)

    assert first.digest == second.digest


def test_writing_the_same_rows_again_changes_nothing(tmp_path):
    first = write(tmp_path, 1, rows([1, 2]))
    before = (tmp_path / "span-1").stat().st_mtime_ns

    again = write_span(tmp_path, 1, rows([1, 2]), event_time="at", source="again")

    assert again == first
    assert (tmp_path / "span-1").stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == ["span-1"]


def test_other_rows_for_a_span_are_refused_and_the_span_stays(tmp_path):
    first = write(tmp_path, 1, rows([1, 2]))

    with pytest.raises(SpanExistsError, match=r"span 1 already exists.*append-only"):
        write(tmp_path, 1, rows([1, 3]))

    assert load_manifest(tmp_path, 1) == first
    assert [path.name for path in tmp_path.iterdir()] == ["span-1"]


def test_changed_span_is_named_with_both_digests(tmp_path):
    first = write(tmp_path, 1, rows([1]))
    other = write(tmp_path / "other", 1, rows([2]))

    with pytest.raises(SpanExistsError, match="delete the folder") as refusal:
        write(tmp_path, 1, rows([2]))

    assert refusal.value.existing_digest == first.digest
    assert refusal.value.new_digest == other.digest
    assert first.digest in str(refusal.value)
    assert other.digest in str(refusal.value)


def test_failing_write_leaves_nothing(tmp_path):
    unwritable = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    table = rows([1]).append_column("interval", unwritable)

    with pytest.raises(pa.ArrowNotImplementedError, match="interval"):
        write(tmp_path, 1, table)

    assert list(tmp_path.iterdir()) == []


def test_interruption_before_the_rename_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 1, rows([1]))

    assert list(tmp_path.iterdir()) == []


def test_half_written_folder_is_no_span_and_is_cleaned_up_when_old(tmp_path):
    stale, fresh = (tmp_path / f".writing-span-1-{name}" for name in ("old", "new"))
    stale.mkdir()
    fresh.mkdir()
    os.utime(stale, (time.time() - 7200,) * 2)

    assert list_spans(tmp_path) == []
    write(tmp_path, 1, rows([1]))

    assert list_spans(tmp_path) == [1]
    assert not stale.exists()
    assert fresh.exists()


@pytest.mark.parametrize(
    ("table", "event_time", "message"),
    [
        (rows([1]), "when", "no event time column 'when'; its columns are at, value"),
        (rows([1]), "value", "'value' has type int64; expected a timestamp"),
        (rows([]), "at", "0 nulls in 0 rows; expected at least one row"),
        (rows([1, 2], [NOON, None]), "at", "1 nulls in 2 rows"),
    ],
    ids=["absent", "not a timestamp", "empty", "null"],
)
def test_table_without_usable_event_time_is_refused(
    tmp_path, table, event_time, message
):
    with pytest.raises(DataContractError, match=message):
        write_span(tmp_path, 1, table, event_time=event_time, source="")


def test_span_number_below_one_is_refused(tmp_path):
    with pytest.raises(DataContractError, match="span is 0; expected a positive"):
        write(tmp_path, 0, rows([1]))


def test_spans_are_listed_in_numeric_order(tmp_path):
    for span in (10, 9, 1):
        write(tmp_path, span, rows([span]))

    assert list_spans(tmp_path) == [1, 9, 10]
    assert list_spans(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["span-01", "span-0", "span-x", "span-1-old"])
def test_folder_that_no_span_number_reaches_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()

    with pytest.raises(DataContractError, match=f"{name} is not the name of a span"):
        list_spans(tmp_path)


def test_missing_span_is_named_with_those_that_exist(tmp_path):
    for span in range(1, 8):
        write(tmp_path, span, rows([span]))

    with pytest.raises(
        SpanNotFoundError, match=r"span 9 .*: 1, 2, 3, 4, 5 … and 2 more"
    ) as refusal:
        load_manifest(tmp_path, 9)

    assert refusal.value.known_spans == (1, 2, 3, 4, 5, 6, 7)
    with pytest.raises(SpanNotFoundError, match="spans there: none"):
        verify_span(tmp_path / "nowhere", 9)


def test_changed_byte_is_found(tmp_path):
    manifest = write(tmp_path, 1, rows([1, 2]))
    part = tmp_path / "span-1/part-00000.parquet"
    content = bytearray(part.read_bytes())
    content[10] ^= 1
    part.write_bytes(content)

    with pytest.raises(SpanCorruptError, match=r"part-00000\.parquet does not") as bad:
        verify_span(tmp_path, 1)

    assert bad.value.expected == f"sha256 {manifest.files[0].sha256}"
    assert bad.value.found.startswith("sha256 ")
    with pytest.raises(SpanCorruptError, match="Restore the file"):
        write(tmp_path, 1, rows([1, 2]))


def test_missing_and_extra_data_files_are_found(tmp_path):
    write(tmp_path, 1, rows([1]))
    part = tmp_path / "span-1/part-00000.parquet"
    (tmp_path / "span-1/_SUCCESS").touch()
    verify_span(tmp_path, 1)

    part.rename(tmp_path / "span-1/part-00001.parquet")
    with pytest.raises(SpanCorruptError, match=r"part-00000\.parquet.*found no file"):
        verify_span(tmp_path, 1)

    (tmp_path / "span-1/part-00001.parquet").rename(part)
    (tmp_path / "span-1/more.csv").write_text("a\n1\n")
    with pytest.raises(SpanCorruptError, match=r"more\.csv.*an extra data file"):
        verify_span(tmp_path, 1)


def test_renamed_folder_is_found(tmp_path):
    write(tmp_path, 1, rows([1]))
    (tmp_path / "span-1").rename(tmp_path / "span-2")

    with pytest.raises(DataContractError, match=r"describes span 1.*folder of span 2"):
        load_manifest(tmp_path, 2)


def test_own_files_get_a_manifest_on_the_fly(tmp_path):
    folder = tmp_path / "span-3"
    folder.mkdir()
    (folder / "notes.txt").write_text("not data")
    pq.write_table(rows([1, 2, 3]), folder / "b.parquet")
    (folder / "a.csv").write_text('id,text\n1,"two\nlines"\n,\nx,y\n')

    manifest = load_manifest(tmp_path, 3)

    assert [(f.name, f.num_rows) for f in manifest.files] == [
        ("a.csv", 3),
        ("b.parquet", 3),
    ]
    assert manifest.first_event_time is None
    assert not (folder / "manifest.json").exists()
    verify_span(tmp_path, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR?", r"a\.parquet cannot be read"),
        ("a.csv", b"", r"a\.csv cannot be read: Empty CSV"),
        (
            "a.txt",
            b"",
            r"span-1 holds no data file; expected one of \*\.parquet, \*\.csv, ",
        ),
    ],
)
def test_unreadable_own_file_is_refused(tmp_path, name, content, message):
    (tmp_path / "span-1").mkdir()
    (tmp_path / "span-1" / name).write_bytes(content)

    with pytest.raises(DataContractError, match=message):
        load_manifest(tmp_path, 1)
