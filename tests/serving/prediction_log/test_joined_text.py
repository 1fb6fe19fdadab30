"""Texts that are kept as one run of bytes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.prediction_log.compact_rows import CompactRows, compacted_columns
from serving.prediction_log.joined_text import JoinedNames, joined, parted
from serving.prediction_log.merged_rows import merged_compact
from serving.prediction_log.text_arrays import binary_array, string_array

TEXT = st.binary(max_size=5).filter(lambda value: b"\0" not in value)
NAMES = st.lists(st.text(max_size=4), min_size=1, max_size=5)


@given(st.lists(st.lists(TEXT, min_size=1, max_size=5), min_size=1, max_size=4))
def test_values_come_back_from_their_runs(lists):
    runs = [joined(values) for values in lists]
    assert [parted(run) for run in runs] == lists
    assert binary_array(runs).to_pylist() == [v for values in lists for v in values]


def test_a_value_with_nul_cannot_be_joined():
    assert joined([b"a\0b", b"c"]) is None


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_names_come_back_whatever_they_hold(lists):
    held = [JoinedNames.of(names) for names in lists]
    assert [list(names) for names in held] == lists
    assert [len(names) for names in held] == [len(names) for names in lists]
    every = [name for names in lists for name in names]
    assert string_array(held).equals(pa.array(every, pa.string()))


@pytest.mark.parametrize("name", ["Zürich", "a\0b"])
def test_names_that_are_not_plain_stay_a_list(name):
    assert JoinedNames.of(["a", name]) == ["a", name]
    assert isinstance(JoinedNames.of(["a", "b"]), JoinedNames)


def test_output_columns_of_several_runs_are_put_together():
    def run(first):
        label = np.array([b"late", b""][first:], object)
        return {"label": label, "score": np.arange(first, 2, dtype=np.float32)}

    parts = [compacted_columns(run(0)), compacted_columns(run(1))]
    assert all(isinstance(part, CompactRows) for part in parts)
    assert parts[0].layout is parts[1].layout
    merged = merged_compact(parts)
    assert merged["label"].to_pylist() == [b"late", b"", b""]
    assert merged["score"].tolist() == [0.0, 1.0, 1.0]


def test_columns_of_several_values_a_row_stay_as_they_are():
    columns = {"classes": np.array([[b"a", b"b"]], object), "n": np.ones(1)}
    assert compacted_columns(columns) is columns
