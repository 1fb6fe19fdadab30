"""Counting rows: TFMA's buckets, sums that do not depend on the order."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow_model_analysis.metrics import calibration_histogram

from components.columnar_evaluator.histogram import (
    MAX_ROWS,
    UNITS,
    bucket_index,
    merge,
    tally,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1, width=32)), min_size=0, max_size=40
)


def tfma_bucket(prediction):
    computation = calibration_histogram.calibration_histogram()[0]
    return computation.combiner._bucket_index(prediction)


def count(rows):
    labels = np.array([label for label, _ in rows], np.int64)
    return tally(labels, np.array([p for _, p in rows], np.float32))


def as_plain(counted):
    return {
        field.name: np.asarray(getattr(counted, field.name)).tolist()
        for field in dataclasses.fields(counted)
    }


@given(hnp.arrays(np.float32, 50, elements=st.floats(0, 1, width=32)))
def test_buckets_are_tfmas(predictions):
    expected = [tfma_bucket(value.item()) for value in predictions]
    assert bucket_index(predictions).tolist() == expected


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_bucket_edge_is_tfmas(kind):
    edges = (np.arange(10_001) / 10_000).astype(kind)
    edges = np.concatenate([edges, np.nextafter(edges, kind(0))])
    expected = [tfma_bucket(value.item()) for value in edges]
    assert bucket_index(edges).tolist() == expected


@given(
    rows=ROWS, cuts=st.lists(st.integers(0, 40), max_size=4), seed=st.integers(0, 99)
)
def test_any_partition_in_any_order_gives_the_same_tally(rows, cuts, seed):
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    edges = [0, *sorted(cuts), len(rows)]
    parts = [count(shuffled[a:b]) for a, b in itertools.pairwise(edges)]

    expected = as_plain(count(rows))
    assert as_plain(merge(parts)) == expected
    assert as_plain(merge([merge(parts[:2]), *parts[2:][::-1]])) == expected


def test_tally_of_four_rows():
    counted = count([(1, 0.75), (0, 0.25), (1, 0.25), (0, 1.0)])

    assert counted.bucket_ids.tolist() == [2501, 7501, 10001]
    assert counted.bucket_rows.tolist() == [2, 1, 1]
    assert counted.bucket_positives.tolist() == [1, 1, 0]
    assert (counted.rows, counted.positives) == (4, 2)
    assert counted.predictions == 2.25 * UNITS
    assert (counted.rows_above, counted.positives_above) == (2, 1)
    assert (counted.certain_right, counted.certain_wrong) == (0, 1)
    expected = -(2 * math.log(0.75) + math.log(0.25))
    assert counted.cross_entropy / UNITS == pytest.approx(expected, abs=1e-6)


def test_no_rows_are_an_empty_tally():
    assert as_plain(merge([])) == as_plain(count([]))
    assert merge([]).rows == 0


def test_sums_of_the_most_rows_fit():
    least = np.full(MAX_ROWS, np.nextafter(0.0, 1.0))  # 745 nats, the most there is
    counted = tally(np.ones(MAX_ROWS, np.int64), least)
    assert counted.cross_entropy / UNITS == pytest.approx(744.44 * MAX_ROWS, rel=1e-5)
    with pytest.raises(ValueError, match=r"4,097 rows at once; a tally takes 4,096"):
        tally(np.ones(MAX_ROWS + 1, np.int64), np.zeros(MAX_ROWS + 1))
