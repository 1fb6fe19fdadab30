"""Python values become arrays, or are refused, and never change their meaning."""

import numpy as np
import pytest

from serving.client.columns import fill_missing, input_arrays, rows_to_columns
from serving.client.errors import InvalidRequestError
from serving.client.model_info import TensorInfo
from serving.client.strict_arrays import strict_array


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ([1, 2.5], "DT_FLOAT", np.array([1, 2.5], np.float32)),
        ([None, 2.5], "DT_DOUBLE", np.array([np.nan, 2.5])),
        ([1, -(2**63)], "DT_INT64", np.array([1, -(2**63)], np.int64)),
        ([2**64 - 1], "DT_UINT64", np.array([2**64 - 1], np.uint64)),
        ([True, False], "DT_BOOL", np.array([True, False])),
        (["ü", b"\xff", None], "DT_STRING", np.array([b"\xc3\xbc", b"\xff", b""], "O")),
        ([[1, 2], (3, 4)], "DT_INT32", np.array([[1, 2], [3, 4]], np.int32)),
        ([np.array([1, 2]), [3, 4]], "DT_INT8", np.array([[1, 2], [3, 4]], np.int8)),
        ([np.float32(0.1), 1], "DT_FLOAT", np.array([0.1, 1], np.float32)),
        (np.array([1, 2], np.int64), "DT_FLOAT", np.array([1, 2], np.float32)),
        (np.array(["a", "b"]), "DT_STRING", np.array([b"a", b"b"], "O")),
        (np.array([1.5, None], "O"), "DT_HALF", np.array([1.5, np.nan], np.float16)),
        (np.array([np.inf, np.nan]), "DT_FLOAT", np.array([np.inf, np.nan], "f")),
        ([1 + 2j], "DT_COMPLEX64", np.array([1 + 2j], np.complex64)),
        (7, "DT_INT32", np.array(7, np.int32)),
        ([], "DT_FLOAT", np.empty(0, np.float32)),
        ([[], []], "DT_STRING", np.empty((2, 0), "O")),
    ],
    ids=str,
)
def test_values_become_an_array_of_the_dtype(values, name, expected):
    found = strict_array(values, name)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        ([1.5], "DT_INT64", "has float; expected DT_INT64"),
        ([True], "DT_FLOAT", "has bool; expected DT_FLOAT"),
        ([1], "DT_BOOL", "has int; expected DT_BOOL"),
        (["1"], "DT_FLOAT", "has str; expected DT_FLOAT"),
        ([1], "DT_STRING", "has int; expected DT_STRING"),
        ([1, "1"], "DT_STRING", "has int; expected DT_STRING"),
        (np.array([1.0]), "DT_INT64", "has float64; expected DT_INT64"),
        (np.array([1]), "DT_STRING", "has int64; expected DT_STRING"),
        ([300], "DT_UINT8", "too large or too small for uint8"),
        (np.array([300]), "DT_UINT8", "too large or too small for uint8"),
        (np.array([-1]), "DT_UINT64", "too large or too small for uint64"),
        ([1e39], "DT_FLOAT", "too large or too small for float32"),
        ([10**400], "DT_DOUBLE", "too large or too small for float64"),
        (np.array([1e39]), "DT_FLOAT", "too large or too small for float32"),
        ([None], "DT_INT64", "missing value .None.; DT_INT64 has nothing"),
        ([[1], [1, 2]], "DT_INT32", "lists of different lengths"),
        ([[1], 2], "DT_INT32", "lists beside single values"),
        (["\ud800"], "DT_STRING", "cannot be written as UTF-8"),
        ([1.0], "DT_BFLOAT16", "is DT_BFLOAT16, which numpy has no type for"),
        ([{}], "DT_FLOAT", "has dict; expected DT_FLOAT"),
    ],
    ids=str,
)
def test_value_that_does_not_fit_is_refused(values, name, message):
    with pytest.raises(ValueError, match=message):
        strict_array(values, name)


INPUTS = {
    "wind_gust_mph": TensorInfo(dtype="DT_FLOAT", shape=(-1,)),
    "carrier": TensorInfo(dtype="DT_STRING", shape=(-1,)),
    "month": TensorInfo(dtype="DT_INT64", shape=(-1,)),
}


def test_unknown_input_is_refused_with_the_nearest_name():
    with pytest.raises(InvalidRequestError, match=r"'carier'.*mean 'carrier'\?"):
        input_arrays({"carier": ["UA"]}, INPUTS)


def test_value_is_refused_with_the_name_of_its_input():
    with pytest.raises(InvalidRequestError, match="input 'month' has str; expected"):
        input_arrays({"month": ["May"]}, INPUTS)


def test_missing_values_are_filled_inside_lists_too():
    assert fill_missing("carrier", [["UA", None]], INPUTS) == [["UA", ""]]
    assert np.isnan(fill_missing("wind_gust_mph", None, INPUTS))
    assert fill_missing("month", 5, INPUTS) == 5
    with pytest.raises(InvalidRequestError, match="input 'month' has a missing value"):
        fill_missing("month", None, INPUTS)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there are no rows"),
        ([{"a": 1}, {}], "row 1 lacks 'a', which row 0 has; None stands"),
        ([{"a": 1}, {"a": 1, "b": 2}], "row 1 has 'b', which row 0 lacks"),
    ],
    ids=["none", "lacking", "extra"],
)
def test_rows_of_different_kinds_are_refused(rows, message):
    with pytest.raises(InvalidRequestError, match=message):
        rows_to_columns(rows)
