"""The golden rows in every form, and what is said where an answer is another."""

import math

import numpy as np
import pytest

from serving.bundle import layout, schema_file
from serving.bundle.golden_batch import read_golden_batch
from serving.client.wire_messages import parse_message
from serving.server_check.errors import CheckFailedError
from serving.server_check.golden_replay import (
    check_answer,
    golden_requests,
    serialized_examples,
)
from serving.server_check.prepared_calls import prepare, read_answer
from tests.serving.bundle.documents import KEPT

GOLDEN = read_golden_batch(KEPT)
FEATURES = schema_file.raw_features(schema_file.read_schema(KEPT), GOLDEN.raw_features)
REQUESTS = golden_requests(GOLDEN, FEATURES)


def expected():
    return {
        "label": np.array(
            [label.encode() for label in GOLDEN.expected_output("label")], object
        ),
        "probability": np.array(GOLDEN.expected_output("probability"), np.float32),
    }


def test_examples_are_tensorflows_byte_for_byte():
    # The warm-up requests were written by TensorFlow, and hold every golden row.
    written = (KEPT / layout.WARMUP).read_bytes()
    examples = serialized_examples(GOLDEN, FEATURES)
    assert len(examples) == 24
    assert all(example in written for example in examples)


def test_missing_values_are_nan_and_empty_text_in_rows():
    assert math.isnan(REQUESTS.rows[20]["miles"])
    assert REQUESTS.rows[20] | {"miles": 0} == {"miles": 0, "month": 3, "carrier": "EV"}
    assert REQUESTS.rows[22]["carrier"] == ""


def test_prepared_request_goes_round_the_golden_rows():
    request = prepare("rides", REQUESTS.columns, first=22, num_rows=5)
    message = parse_message("PredictRequest", request.content)
    assert list(request.places) == [22, 23, 0, 1, 2]
    assert message.model_spec.name == "rides"
    assert list(message.inputs["carrier"].string_val)[:3] == [b"", b"ZZ", b"UA"]


def test_right_answer_passes():
    check_answer("gRPC", expected(), GOLDEN)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "label",
            lambda values: np.where(np.arange(24) == 7, b"maybe", values),
            (
                "over gRPC, 'label' is another than expected for 1 of 24 rows; for "
                "golden row 7 it is 'maybe', expected 'on_time'"
            ),
        ),
        (
            "probability",
            lambda values: values[:23],
            r"has the shape \[23\] for 24 rows",
        ),
        (
            "probability",
            lambda values: values + np.float32(1e-4),
            r"for 24 of 24 rows; for golden row 0 it is 0\.0689\d+, expected 0\.0688",
        ),
        ("probability", lambda values: values * np.nan, "it is nan, expected 0.0688"),
    ],
    ids=["text", "rows", "value", "nan"],
)
def test_other_answer_is_told_by_output_and_row(name, change, message):
    answer = expected()
    answer[name] = change(answer[name])
    with pytest.raises(CheckFailedError, match=message):
        check_answer("gRPC", answer, GOLDEN)


def test_row_is_named_by_its_place_in_the_golden_batch():
    answer = {name: values[[5]] for name, values in expected().items()}
    check_answer("REST", answer, GOLDEN, [5])
    with pytest.raises(CheckFailedError, match="for golden row 6 it is"):
        check_answer("REST", answer, GOLDEN, [6])


def test_answer_that_is_no_message_is_told():
    with pytest.raises(CheckFailedError, match="an answer cannot be read: "):
        read_answer(b"\xff\xff")
