"""The split respects time, and says so where it cannot."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.columnar_example_gen.split_plan import epoch_seconds, plan_split
from data.spans import DataContractError

HOUR = 3600


def plan(times_by_span, **settings):
    settings = {"by": "time", "eval_spans": None, "eval_fraction": None, **settings}
    return plan_split(
        settings,
        key="id",
        event_time="t",
        times_by_span={
            span: np.array(times, dtype=np.int64)
            for span, times in times_by_span.items()
        },
    )


def batch(times):
    return pa.RecordBatch.from_pydict(
        {
            "id": [f"row-{index}" for index in range(len(times))],
            "t": pa.array(times, pa.int64()),
        }
    )


def test_newest_span_is_evaluated_on():
    chosen = plan({1: [0, HOUR], 2: [2 * HOUR, 3 * HOUR]}, eval_spans=1)

    assert chosen.is_eval(batch([0, HOUR, 2 * HOUR, 3 * HOUR])).tolist() == [
        False,
        False,
        True,
        True,
    ]


def test_fraction_cuts_by_time_across_spans():
    # Ten rows, the latest three tenths are 7, 8 and 9.
    chosen = plan({1: [9, 1, 3, 5, 7], 2: [0, 2, 4, 6, 8]}, eval_fraction=0.3)

    assert chosen.cutoff_s == 7


@given(
    st.lists(st.integers(0, 10**9), min_size=2, max_size=200).filter(
        lambda times: len(set(times)) > 1
    ),
    st.floats(0.01, 0.99),
)
def test_no_evaluation_row_is_earlier_than_a_training_row(times, fraction):
    try:
        chosen = plan({1: times}, eval_fraction=fraction)
    except DataContractError as error:
        assert "leaves no row to train on" in str(error)  # noqa: PT017
        return
    is_eval = chosen.is_eval(batch(times))
    assert max(np.array(times)[~is_eval]) < min(np.array(times)[is_eval])


def test_overlapping_spans_are_refused():
    with pytest.raises(
        DataContractError,
        match=r"span 1 and span 2 overlap in time: rows to train on reach "
        r"1970-01-01T02:00:00Z, rows to evaluate on begin 1970-01-01T01:00:00Z",
    ):
        plan({1: [0, 2 * HOUR], 2: [HOUR, 3 * HOUR]}, eval_spans=1)


def test_evaluating_every_span_is_refused():
    with pytest.raises(DataContractError, match="none is left to train on"):
        plan({1: [0], 2: [1]}, eval_spans=2)


def test_rows_of_one_moment_cannot_be_cut_by_time():
    with pytest.raises(DataContractError, match=r"Set data\.split\.by to hash"):
        plan({1: [5, 5, 5, 5]}, eval_fraction=0.5)


def test_no_labelled_row_is_refused():
    with pytest.raises(DataContractError, match="no row has a label"):
        plan({1: []}, eval_fraction=0.5)


def test_hash_split_keeps_a_key_on_its_side_and_the_fraction_about_right():
    chosen = plan({}, by="hash", eval_fraction=0.25)
    rows = batch(list(range(4000)))

    first, second = chosen.is_eval(rows), chosen.is_eval(rows)

    assert (first == second).all()
    # Four standard deviations of a binomial share with n = 4000, p = 0.25.
    assert abs(first.mean() - 0.25) < 4 * (0.25 * 0.75 / 4000) ** 0.5


def test_hash_of_a_key_is_the_same_in_every_version():
    # fmix64(FNV-1a) of b"row-0" and so on; fixed by this test and test_key_hash.
    chosen = plan({}, by="hash", eval_fraction=0.5)
    sides = chosen.is_eval(batch(list(range(8)))).tolist()
    assert sides == [False, False, False, False, False, True, False, False]


def test_timestamps_and_integers_mean_the_same_second():
    milliseconds = pa.array([1_500], pa.timestamp("ms", tz="UTC"))
    assert epoch_seconds(milliseconds).tolist() == [1]
    assert epoch_seconds(pa.array([1])).tolist() == [1]


def test_rows_of_one_group_are_on_one_side():
    chosen = plan({}, by="group", column="tail", eval_fraction=0.5)
    tails = [f"N{index % 40}" for index in range(400)]
    sides = chosen.is_eval(pa.RecordBatch.from_pydict({"tail": tails}))

    by_tail = {tail: set(sides[np.array(tails) == tail]) for tail in set(tails)}
    assert {len(found) for found in by_tail.values()} == {1}
    assert 0 < sides.mean() < 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([1, None]), "missing in 1 rows"),
        (pa.array(["2013"]), "has type string"),
    ],
    ids=["missing", "text"],
)
def test_event_time_must_be_there_and_be_a_time(values, message):
    with pytest.raises(DataContractError, match=message):
        epoch_seconds(values)
