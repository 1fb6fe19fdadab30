"""Rows, models and configs small enough to evaluate in a test."""

import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto import config_pb2

ALL_METRICS = (
    "AUC",
    "AUCPrecisionRecall",
    "BinaryAccuracy",
    "BinaryCrossEntropy",
    "Calibration",
    "ExampleCount",
    "MeanLabel",
    "MeanPrediction",
)


def _feature(values):
    values = values if isinstance(values, list) else [values]
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _write_rows(path, rows):
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in rows:
            features = {name: _feature(values) for name, values in row.items()}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return str(path)


def _write_model(folder, *, is_squared=False):
    """Saves a model whose probability is the feature `p` or its square.

    One multiplication gives the same bits in every batch size; tf.pow does not.
    """
    root = tf.Module()
    root.one = tf.Variable(1.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_examples(examples):
        parsed = tf.io.parse_example(
            examples, {"p": tf.io.FixedLenFeature([], tf.float32)}
        )
        p = parsed["p"] * (parsed["p"] if is_squared else root.one)
        return {"probability": p, "pair": tf.stack([p, p], axis=1)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="p"),
            tf.TensorSpec([None], tf.float32, name="q"),
        ]
    )
    def serving_default(p, q):
        return {"probability": p + q}

    signatures = {
        "serving_examples": serving_examples,
        "serving_default": serving_default,
    }
    tf.saved_model.save(root, str(folder), signatures=signatures)
    return str(folder)


def _build_config(slices=(), metrics=ALL_METRICS):
    models = [
        config_pb2.ModelSpec(
            name=name,
            signature_name="serving_examples",
            label_key="is_late",
            prediction_key="probability",
            is_baseline=name == "baseline",
        )
        for name in ("candidate", "baseline")
    ]
    chosen = [config_pb2.MetricConfig(class_name=name) for name in metrics]
    return config_pb2.EvalConfig(
        model_specs=models,
        metrics_specs=[config_pb2.MetricsSpec(metrics=chosen)],
        slicing_specs=[config_pb2.SlicingSpec()]
        + [config_pb2.SlicingSpec(feature_keys=keys) for keys in slices],
    )


@pytest.fixture(scope="session")
def write_rows():
    return _write_rows


@pytest.fixture(scope="session")
def write_model():
    return _write_model


@pytest.fixture(scope="session")
def build_config():
    return _build_config
