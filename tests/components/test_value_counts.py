"""Counts are exact, whether they are held or lie in files."""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.columnar_statistics_gen import value_counts
from components.columnar_statistics_gen.counted_file import (
    NUM_PARTS,
    read_part,
    split_into_parts,
    write_parts,
)
from components.columnar_statistics_gen.value_counts import TextCounter, describe_texts

VALUES = st.one_of(st.sampled_from([b"a", b"b", b"c"]), st.binary(max_size=40))


def _batch(values, name="text"):
    lists = [None if value is None else [value] for value in values]
    return pa.record_batch({name: pa.array(lists, pa.large_list(pa.large_binary()))})


def _count(folder, *batches):
    counter = TextCounter(Path(folder))
    for batch in batches:
        counter.add(batch)
    return counter.counts()


def _table(values):
    counts = [1] * len(values)
    return pa.table({"value": pa.array(values, pa.large_binary()), "count": counts})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.none() | VALUES, max_size=30), max_size=6), st.booleans())
def test_files_and_memory_count_the_same(batches, is_split):
    expected = Counter(v for batch in batches for v in batch if v is not None)
    in_order = sorted(expected.items(), key=lambda pair: (pair[1], pair[0]))[::-1]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        held = _count(folder, *map(_batch, batches))
        patch.setattr(value_counts, "_HELD_BYTES", 0)
        patch.setattr(value_counts, "_WAITING_BYTES", 0 if is_split else 1 << 20)
        parts = [_count(folder, _batch(batch)) for batch in batches]
        assert not held.files
        assert not any(part.held for part in parts)

        for counts in ([held], parts):
            distinct = list(value_counts._distinct("text", counts))
            num_unique, top = value_counts._most_frequent(distinct, 5)
            assert num_unique == len(expected)
            assert [
                (row["value"], row["count"]) for row in top.to_pylist()
            ] == in_order[:5]
        assert describe_texts(parts) == describe_texts([held])


def test_held_counts_and_files_of_one_feature_are_added_up(tmp_path, monkeypatch):
    few = _count(tmp_path, _batch([b"x", b"y", b"x"]))
    monkeypatch.setattr(value_counts, "_HELD_BYTES", 0)
    many = _count(tmp_path, _batch([b"x", b"z"]))
    assert (list(few.held), list(many.files)) == (["text"], ["text"])

    (feature,) = describe_texts([few, many]).features

    assert feature.string_stats.unique == 3
    assert [(top.value, top.frequency) for top in feature.string_stats.top_values] == [
        ("x", 3.0),
        ("z", 1.0),
        ("y", 1.0),
    ]


def test_a_counter_holds_no_more_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr(value_counts, "_WAITING_BYTES", 0)
    counter = TextCounter(tmp_path)
    for start in range(0, 300, 100):
        counter.add(_batch([str(n).encode() for n in range(start, start + 100)]))
        assert not counter._waiting
    assert len(counter.counts().files["text"]) == 3


def test_every_value_has_its_part_whatever_stands_beside_it(tmp_path):
    values = [f"2013-{number:06d}".encode() for number in range(5000)]
    parts = split_into_parts(_table(values))
    whole = write_parts(_table(values), tmp_path)
    slice_ = split_into_parts(_table([b"", *values]).slice(1, 700))

    assert sorted(v for part in parts for v in part["value"].to_pylist()) == values
    assert len(parts) == NUM_PARTS
    # 78 on average; keys that begin alike would else be in a few parts.
    assert max(part.num_rows for part in parts) < 150
    for number, part in enumerate(parts):
        assert read_part(whole, number).equals(part.combine_chunks())
        assert set(slice_[number]["value"].to_pylist()) <= set(
            part["value"].to_pylist()
        )


def test_numbers_and_features_without_a_value_are_not_counted(tmp_path):
    lists = pa.large_list(pa.int64())
    batch = pa.record_batch({"n": pa.array([[1]], lists), "no": pa.nulls(1)})
    counts = _count(tmp_path, batch, _batch([None]))
    assert (dict(counts.held), dict(counts.files)) == ({}, {})
    assert not describe_texts([counts]).features
