"""A model is servable if TF Serving's loader gets the golden answers from it."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from serving.bundle import layout, schema_file
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import GoldenBatch, GoldenRow, encode_golden_batch
from serving.bundle.warmup import warmup_requests, write_warmup_file
from serving.load_check import check_model, main
from serving.session_model import _reason

SPEC = {
    "miles": tf.io.VarLenFeature(tf.float32),
    "origin": tf.io.VarLenFeature(tf.string),
}
SCHEMA = b"""
feature { name: "miles" type: FLOAT }
feature { name: "origin" type: BYTES }
"""
# The model says sigmoid(0.001 * (miles + (origin is JFK))).
ROWS = ((100.0, "JFK"), (None, "EWR"), (-250.0, None), (None, None))


def write_extras(folder):
    """What GoldenBatchGen would write for the sound model, worked out by hand."""
    rows = []
    for miles, origin in ROWS:
        total = (miles or 0.0) + (origin == "JFK")
        probability = 1 / (1 + math.exp(-0.001 * total))
        label = "late" if probability >= 0.5 else "on_time"
        rows.append(
            GoldenRow(
                raw=(miles, origin), transformed=(total,), outputs=(label, probability)
            )
        )
    batch = GoldenBatch(
        raw_features=("miles", "origin"),
        transformed_features=("miles_xf",),
        outputs=("label", "probability"),
        rows=tuple(rows),
    )
    (folder / layout.EXTRA).mkdir(parents=True)
    (folder / layout.SCHEMA).write_bytes(SCHEMA)
    (folder / layout.GOLDEN_BATCH).write_bytes(encode_golden_batch(batch))
    features = schema_file.raw_features(
        schema_file.parse_schema(SCHEMA), ("miles", "origin")
    )
    write_warmup_file(folder, "tiny", warmup_requests(batch, features))
    return folder


@pytest.fixture
def extras(tmp_path):
    return write_extras(tmp_path / "extras")


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
    return folder


def test_sound_model_is_servable(tmp_path, extras):
    report = check_model(write_model(tmp_path / "m"), extras)

    assert report.is_servable
    assert report.rows == 4
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
            r"'serving_examples' and 'serving_default' differ in 'probability'",
        ),
        ({"scale": math.nan}, r"4 of 4 answers are no probability, for example nan"),
        ({"scale": 3.0}, r"answers are no probability, for example 1\.\d+"),
        ({"scale": -1.0}, r"answers are no probability, for example -0\.\d+"),
        ({"xf": 1.001}, r"transformed feature 'miles_xf' is another .* row 0 .*101\.1"),
        ({"xf": math.inf}, r"transformed feature 'miles_xf' is another"),
        (
            {"named_offset": 1e-3},
            r"'probability' of signature 'serving_default' is ano",
        ),
    ],
    ids=[
        "missing",
        "differ by 1e-6",
        "nan",
        "above one",
        "negative",
        "other transform",
        "infinite",
        "other answer",
    ],
)
def test_broken_model_is_refused(tmp_path, extras, broken, message):
    with pytest.raises(BundleRefusedError, match=message):
        check_model(write_model(tmp_path / "m", **broken), extras)


def test_lost_weights_are_refused(tmp_path, extras):
    model = write_model(tmp_path / "m")
    next((tmp_path / "m" / "variables").glob("*.data*")).unlink()
    with pytest.raises(BundleRefusedError, match="the loader rejects the model"):
        check_model(model, extras)


def test_folder_that_is_no_model_is_refused(tmp_path, extras):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 9)
    with pytest.raises(BundleRefusedError, match=r"saved_model.pb is no SavedModel"):
        check_model(tmp_path, extras)


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


def test_fresh_process_reports_and_exits_zero(tmp_path, extras):
    model = write_model(tmp_path / "m")
    done = subprocess.run(
        [sys.executable, "-m", "serving.load_check", model, extras],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["is_servable"] is True


def test_refusal_is_reported_with_exit_code_5(tmp_path, extras, capsys):
    model = write_model(tmp_path / "m", drop=["serving_default"])

    assert main([str(model), str(extras)]) == 5
    report = json.loads(capsys.readouterr().out)
    assert report["is_servable"] is False
    assert "serving_default" in report["reason"]
