"""A model is servable if TF Serving's loader runs it and its answers make sense."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from serving.load_check import (
    ModelRefusedError,
    _reason,
    check_model,
    main,
    named_inputs,
    read_rows,
)

SPEC = {
    "miles": tf.io.VarLenFeature(tf.float32),
    "origin": tf.io.VarLenFeature(tf.string),
}


def example(miles=None, origin=None):
    features = {}
    if miles is not None:
        features["miles"] = tf.train.Feature(
            float_list=tf.train.FloatList(value=[miles])
        )
    if origin is not None:
        features["origin"] = tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[origin])
        )
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


ROWS = [example(100.0, b"JFK"), example(None, b"EWR"), example(250.0, None), example()]


def write_model(folder, *, named_offset=0.0, scale=1.0, xf=1.0, drop=(), extra=None):
    """Saves a model with the three signatures; the arguments break it on purpose."""
    root = tf.Module()
    root.weight = tf.Variable(0.001 * scale)

    def answer(miles, offset=0.0):
        probability = tf.sigmoid(miles * root.weight) * scale + offset
        return {
            "probability": probability,
            "label": tf.where(probability >= 0.5, "late", "on_time"),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="miles"),
            tf.TensorSpec([None], tf.string, name="origin"),
        ]
    )
    def serving_default(miles, origin):
        miles = tf.where(tf.math.is_nan(miles), 0.0, miles)
        miles += tf.cast(tf.equal(origin, "JFK"), tf.float32)
        return answer(miles, named_offset)

    def parse(examples):
        parsed = tf.io.parse_example(examples, SPEC)
        dense = tf.sparse.to_dense(parsed["miles"])
        origin = tf.sparse.to_dense(parsed["origin"])
        padded = tf.pad(dense, [[0, 0], [0, 1]])[:, 0]
        origin = tf.pad(origin, [[0, 0], [0, 1]])[:, 0]
        return padded + tf.cast(tf.equal(origin, "JFK"), tf.float32)

    examples_spec = [tf.TensorSpec([None], tf.string, name="examples")]

    @tf.function(input_signature=examples_spec)
    def serving_examples(examples):
        return answer(parse(examples))

    @tf.function(input_signature=examples_spec)
    def transform_features(examples):
        return {"miles_xf": parse(examples) * xf}

    signatures = {
        "serving_default": serving_default,
        "serving_examples": serving_examples,
        "transform_features": transform_features,
    }
    for name in drop:
        del signatures[name]
    tf.saved_model.save(root, str(folder), signatures={**signatures, **(extra or {})})
    return str(folder)


def test_sound_model_is_servable(tmp_path):
    report = check_model(write_model(tmp_path / "m"), ROWS)

    assert report.is_servable
    assert report.rows == 4
    assert report.latency_ms > 0
    assert report.signatures["serving_default"] == {
        "inputs": ["miles", "origin"],
        "outputs": ["label", "probability"],
    }


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            {"drop": ["transform_features"]},
            r"signature 'transform_features' is missing; the model has serving_default",
        ),
        (
            {"named_offset": 1e-6},
            r"'serving_default' and 'serving_examples' differ in output 'probability'",
        ),
        ({"scale": math.nan}, r"not a probability: NaN or below 0"),
        ({"scale": 3.0}, r"not a probability: above 1"),
        ({"scale": -1.0}, r"not a probability: NaN or below 0"),
        ({"xf": math.inf}, r"transformed feature 'miles_xf' is not finite"),
    ],
    ids=["missing", "differ by 1e-6", "nan", "above one", "negative", "infinite"],
)
def test_broken_model_is_refused(tmp_path, broken, message):
    with pytest.raises(ModelRefusedError, match=message):
        check_model(write_model(tmp_path / "m", **broken), ROWS)


def test_lost_weights_are_refused(tmp_path):
    model = write_model(tmp_path / "m")
    next((tmp_path / "m" / "variables").glob("*.data*")).unlink()
    with pytest.raises(ModelRefusedError, match="the loader rejects the model"):
        check_model(model, ROWS)


def test_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelRefusedError, match="the loader rejects the model"):
        check_model(str(tmp_path), ROWS)


def test_reason_is_the_line_that_tells():
    error = RuntimeError(
        "Graph execution error:\n\nDetected at node dense/Read defined at (most recent "
        "call last):\n<stack traces unavailable>\n2 root error(s) found.\n"
        "  (0) FAILED_PRECONDITION: Could not find variable dense/kernel.\n\t [[{{n}}]]"
    )
    assert _reason(error) == (
        "FAILED_PRECONDITION: Could not find variable dense/kernel."
    )
    assert _reason(RuntimeError("plain")) == "plain"
    assert _reason(RuntimeError()) == "RuntimeError()"


def test_missing_values_are_written_as_a_json_client_would():
    columns = named_inputs(
        ROWS, {"miles": np.dtype(np.float32), "origin": np.dtype(object)}
    )
    assert columns["origin"].tolist() == [b"JFK", b"EWR", b"", b""]
    assert columns["miles"][0] == 100
    assert np.isnan(columns["miles"][[1, 3]]).all()


def write_rows(path):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in ROWS:
            writer.write(row)
    return str(path)


def test_fresh_process_reports_and_exits_zero(tmp_path):
    model, rows = write_model(tmp_path / "m"), write_rows(tmp_path / "rows.tfrecord")
    done = subprocess.run(
        [sys.executable, "-m", "serving.load_check", model, rows],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["is_servable"] is True


def test_refusal_is_reported_with_exit_code_5(tmp_path, capsys):
    model = write_model(tmp_path / "m", drop=["serving_default"])
    rows = write_rows(tmp_path / "rows.tfrecord")

    assert main([model, rows]) == 5
    report = json.loads(capsys.readouterr().out)
    assert report["is_servable"] is False
    assert "serving_default" in report["reason"]


def test_rows_are_read_back(tmp_path):
    assert read_rows(write_rows(tmp_path / "rows.tfrecord")) == ROWS
