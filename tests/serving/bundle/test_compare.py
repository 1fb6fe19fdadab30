"""The tolerance of the golden batch, computed by hand."""

import numpy as np
import pytest

from serving.bundle.compare import differing_rows
from serving.bundle.golden_batch import Tolerance


def floats(*values):
    return np.array(values, dtype=np.float32)


def differs(got, expected, absolute=1e-5, relative=1e-5):
    tolerance = Tolerance(absolute=absolute, relative=relative)
    return differing_rows(got, expected, tolerance).tolist()


@pytest.mark.parametrize(
    ("got", "expected", "is_other"),
    [
        # allowed: 1e-5 + 1e-5 * |expected|
        (0.000009, 0.0, False),
        (0.000011, 0.0, True),
        (1.000019, 1.0, False),
        (1.000021, 1.0, True),
        (0.999981, 1.0, False),
        (0.999979, 1.0, True),
        (-1000.00995, -1000.0, False),
        (-1000.0102, -1000.0, True),
        (float("nan"), 0.0, True),
        (float("inf"), 1e300, False),
        (float("inf"), 1.0, True),
        (float("-inf"), 1e300, True),
    ],
)
def test_float_may_be_off_by_absolute_plus_relative(got, expected, is_other):
    assert differs(floats(got), [expected]) == [is_other]


def test_without_tolerance_the_shortest_decimal_is_the_float32():
    assert differs(floats(0.1, 1 / 3), [0.1, 0.33333334], 0.0, 0.0) == [False, False]
    next_up = np.nextafter(np.float32(0.1), np.float32(1))
    assert differs(floats(next_up), [0.1], 0.0, 0.0) == [True]


def test_relative_part_is_of_the_expected_value():
    # 1.1 against 1.0 is within 0.1 * 1.0 + 0.001; 0.9 against 1.0 likewise.
    assert differs(floats(1.1, 0.9, 1.102), [1.0, 1.0, 1.0], 0.001, 0.1) == [
        False,
        False,
        True,
    ]


def test_missing_equals_nothing():
    assert differs(floats(0.0, np.nan), [None, None]) == [True, True]


@pytest.mark.parametrize("value", ["0.5", True, None, [0.5], {}, 10**400, [[]]])
def test_what_is_no_number_is_no_float(value):
    assert differs(floats(0.5, 0.5), [0.5, value]) == [False, True]


def test_whole_number_stands_for_a_float():
    assert differs(floats(2.0), [2]) == [False]


def test_half_precision_is_compared_as_float():
    got = np.array([0.5, 0.25], dtype=np.float16)
    assert differs(got, [0.5, 0.26]) == [False, True]


@pytest.mark.parametrize("value", [3, 5, 4.0, 4.2, "4", None, [4], True, 10**30, {}])
def test_whole_numbers_are_equal_or_differ(value):
    got = np.array([4, 4], dtype=np.int64)
    assert differs(got, [4, value], 1.0, 1.0) == [False, True]


def test_texts_are_equal_or_differ():
    got = np.array([b"late", b"late", b"", "Zürich".encode(), b"\xff"], dtype=object)
    assert differs(got, ["late", "late ", "", "Zürich", "\ufffd"]) == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert differs(got[:1], [None]) == [True]


def test_booleans_are_no_numbers():
    got = np.array([True, False])
    assert differs(got, [True, 0]) == [False, True]


def test_row_of_several_values_differs_if_one_does():
    got = floats([0.1, 0.9], [0.4, 0.6])
    assert differs(got, [[0.1, 0.9], [0.4, 0.7]]) == [False, True]
    assert differs(got, [[0.1, 0.9], [0.4]]) == [False, True]
    assert differs(got, [[0.1, 0.9], 0.4]) == [False, True]


def test_rows_of_texts_and_whole_numbers_are_compared_whole():
    texts = np.array([[b"a", b"b"], [b"c", b"d"]], dtype=object)
    assert differs(texts, [["a", "b"], ["c", "x"]]) == [False, True]
    whole = np.array([[1, 2], [3, 4]])
    assert differs(whole, [[1, 2], [3, 4, 5]]) == [False, True]
    assert differs(whole, [[1, 2], 3]) == [False, True]
