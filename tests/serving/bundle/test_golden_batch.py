"""golden_batch.json: rows come back as they were, and become a model's inputs."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf

from serving.bundle import layout
from serving.bundle.contract import RawFeature
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import (
    MAX_ROWS,
    GoldenBatch,
    GoldenRow,
    Tolerance,
    decode_golden_batch,
    encode_golden_batch,
    named_tensors,
    plain_float,
    plain_values,
    read_golden_batch,
    serialized_examples,
)

MILES = RawFeature(name="miles", dtype="float32", example_type="FLOAT", missing="NaN")
MONTH = RawFeature(name="month", dtype="float32", example_type="INT", missing="NaN")
CARRIER = RawFeature(name="carrier", dtype="string", example_type="BYTES", missing="")
FEATURES = (MILES, MONTH, CARRIER)
BATCH = GoldenBatch(
    raw_features=("miles", "month", "carrier"),
    transformed_features=("miles_xf",),
    outputs=("label", "probability"),
    rows=(
        GoldenRow(raw=(0.1, 3, "UA"), transformed=(-0.5,), outputs=("late", 0.6)),
        GoldenRow(raw=(None, None, None), transformed=(0.0,), outputs=("on_time", 0.1)),
    ),
)


def refusal(text):
    with pytest.raises(BundleRefusedError) as caught:
        decode_golden_batch(text)
    assert caught.value.guard == "format"
    return caught.value.reason


def changed(**changes):
    document = json.loads(encode_golden_batch(BATCH)) | changes
    return json.dumps(document).encode()


def test_batch_comes_back():
    assert decode_golden_batch(encode_golden_batch(BATCH)) == BATCH


def test_one_row_is_one_line():
    text = encode_golden_batch(BATCH).decode()
    assert (
        '{"raw": [0.1, 3, "UA"], "transformed": [-0.5], "outputs": ["late", 0.6]}'
        in text.replace(",\n", "\n").splitlines()
    )


def test_expectations_are_found_by_name():
    assert BATCH.expected_transformed("miles_xf") == [-0.5, 0.0]
    assert BATCH.expected_output("probability") == [0.6, 0.1]


@pytest.mark.parametrize(
    ("changes", "telling"),
    [
        ({"format_version": 2}, "format_version is 2; this slipway reads 1"),
        ({"format_version": True}, "format_version is True"),
        ({"format_version": 1.0}, "format_version is 1.0"),
        ({"format_version": None}, "format_version is None"),
        ({"rows": []}, "it has 0 rows; expected 1 to 256"),
        ({"outputs": []}, "outputs is []; expected one name or more, each once"),
        ({"outputs": ["label", "label"]}, "outputs is ['label', 'label']"),
        ({"raw_features": ["a", "a", "b"]}, "raw_features is ['a', 'a', 'b']"),
        ({"tolerance": {"absolute": 0.011}}, "tolerance.absolute is 0.011"),
        ({"tolerance": {"relative": -1e-9}}, "tolerance.relative is -1e-09"),
        ({"tolerance": {"absolute": "1"}}, "'tolerance.absolute'"),
        ({"rows": [{"raw": [], "transformed": []}]}, "'rows.0.outputs' is missing"),
        ({"more": 1}, "'more' is not known"),
    ],
)
def test_wrong_batch_is_refused(changes, telling):
    assert telling in refusal(changed(**changes))


@pytest.mark.parametrize("kind", ["raw", "transformed", "outputs"])
@pytest.mark.parametrize("change", [lambda values: values[1:], lambda v: [*v, 1]])
def test_row_of_another_length_is_refused(kind, change):
    rows = json.loads(encode_golden_batch(BATCH))["rows"]
    rows[1][kind] = change(rows[1][kind])
    assert f"rows.1.{kind} has {len(rows[1][kind])} values for" in refusal(
        changed(rows=rows)
    )


@pytest.mark.parametrize("value", [True, [1], {}])
def test_raw_value_is_number_text_or_missing(value):
    rows = json.loads(encode_golden_batch(BATCH))["rows"]
    rows[0]["raw"][0] = value
    assert "'rows.0.raw.0" in refusal(changed(rows=rows))


def test_too_many_rows_are_refused():
    text = encode_golden_batch(dataclasses.replace(BATCH, rows=BATCH.rows[:1] * 257))
    assert f"it has {MAX_ROWS + 1} rows" in refusal(text)


def test_lost_batch_is_refused(tmp_path):
    with pytest.raises(BundleRefusedError, match="nothing shows that the model still"):
        read_golden_batch(tmp_path)
    (tmp_path / layout.GOLDEN_BATCH).mkdir(parents=True)
    with pytest.raises(BundleRefusedError, match="nothing shows that the model still"):
        read_golden_batch(tmp_path)


def test_default_tolerance_is_a_hundred_thousandth():
    assert Tolerance() == Tolerance(absolute=1e-5, relative=1e-5)


def test_missing_is_nan_or_empty_in_named_tensors():
    columns = named_tensors(BATCH, FEATURES)
    assert columns["miles"].dtype == columns["month"].dtype == np.float32
    assert columns["miles"][0] == np.float32(0.1)
    assert math.isnan(columns["miles"][1])
    assert math.isnan(columns["month"][1])
    assert columns["carrier"].tolist() == [b"UA", b""]


def test_columns_go_by_name_not_by_place():
    columns = named_tensors(BATCH, FEATURES[::-1])
    assert list(columns) == ["carrier", "month", "miles"]
    assert columns["carrier"].tolist() == [b"UA", b""]


def test_missing_is_absent_in_examples():
    first, second = map(
        tf.train.Example.FromString, serialized_examples(BATCH, FEATURES)
    )
    values = first.features.feature
    assert values["miles"].float_list.value[:] == [np.float32(0.1)]
    assert values["month"].int64_list.value[:] == [3]
    assert values["carrier"].bytes_list.value[:] == [b"UA"]
    assert dict(second.features.feature) == {}


def test_zero_is_not_missing():
    row = GoldenRow(raw=(0.0, 0, ""), transformed=(0.0,), outputs=("late", 0.5))
    batch = dataclasses.replace(BATCH, rows=(row,))
    values = tf.train.Example.FromString(
        serialized_examples(batch, FEATURES)[0]
    ).features.feature
    assert values["miles"].float_list.value[:] == [0.0]
    assert values["month"].int64_list.value[:] == [0]
    assert "carrier" not in values


@pytest.mark.parametrize(
    ("raw", "telling"),
    [
        (("0.1", 3, "UA"), "rows.0: 'miles' is '0.1'; expected a number."),
        ((math.inf, 3, "UA"), "rows.0: 'miles' is inf; expected a number."),
        ((0.1, 1.5, "UA"), "rows.0: 'month' is 1.5; expected an int64."),
        ((0.1, 1e30, "UA"), "rows.0: 'month' is 1e+30; expected an int64."),
        ((0.1, math.inf, "UA"), "rows.0: 'month' is inf; expected an int64."),
        ((0.1, "May", "UA"), "rows.0: 'month' is 'May'; expected an int64."),
        ((0.1, 3, 7), "rows.0: 'carrier' is 7; expected text."),
    ],
)
@pytest.mark.parametrize("build", [named_tensors, serialized_examples])
def test_value_of_another_type_is_named(build, raw, telling):
    row = GoldenRow(raw=raw, transformed=(0.0,), outputs=("late", 0.5))
    with pytest.raises(BundleRefusedError) as caught:
        build(dataclasses.replace(BATCH, rows=(row,)), FEATURES)
    assert caught.value.reason == f"{layout.GOLDEN_BATCH}: {telling}"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (0.1, 0.1),
        (np.float32(1 / 3), 0.33333334),
        (16777216.0, 16777216.0),
        (-0.0, -0.0),
        (math.nan, None),
        (1e-45, 1e-45),
    ],
)
def test_plain_float_is_the_shortest_decimal(value, plain):
    assert plain_float(value) == plain


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e39])
def test_infinite_value_is_no_golden_value(value):
    with pytest.raises(ValueError, match="infinite"), np.errstate(over="ignore"):
        plain_float(value)


def test_plain_values_keep_their_kind():
    assert plain_values(np.array([0.1, 2], np.float32)) == [0.1, 2.0]
    assert plain_values(np.array([[0.1], [2]], np.float32)) == [[0.1], [2.0]]
    assert plain_values(np.array([1, 2])) == [1, 2]
    assert plain_values(np.array([True])) == [True]
    assert plain_values(np.array([b"late", "Zürich".encode()], object)) == [
        "late",
        "Zürich",
    ]
    assert plain_values(np.array([[b"a", b"b"]], object)) == [["a", "b"]]


@pytest.mark.parametrize(
    "array", [np.array([math.nan], np.float32), np.array([b"\xff"], object)]
)
def test_what_json_cannot_hold_is_no_golden_value(array):
    with pytest.raises(ValueError, match=r"not finite|codec"):
        plain_values(array)
