"""What is not computed is refused in words, and so is what has no meaning."""

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_model_analysis.proto import config_pb2

from components.columnar_evaluator.count_rows import count_file, read_labels
from components.columnar_evaluator.predict import LoadedModel, ModelPlan
from components.columnar_evaluator.slices import slice_rows
from components.columnar_evaluator.supported import (
    METRICS,
    UnsupportedEvalConfigError,
    check_config,
)


def add_metric(eval_config, **fields):
    eval_config.metrics_specs[0].metrics.append(config_pb2.MetricConfig(**fields))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: add_metric(c, class_name="Precision"),
            rf"metric 'Precision' is not supported; supported are {', '.join(METRICS)}",
        ),
        (
            lambda c: add_metric(c, class_name="AUC", config='{"num_thresholds": 200}'),
            "metric 'AUC' sets num_thresholds, and only its name can be set",
        ),
        (
            lambda c: add_metric(c, class_name="AUC", config="{num"),
            "metric 'AUC' has a config that is no JSON",
        ),
        (
            lambda c: c.slicing_specs.add(feature_values={"origin": "JFK"}),
            r"slicing_spec \{feature_values .*origin.*JFK.*\} sets feature_values",
        ),
        (
            lambda c: c.slicing_specs.add(slice_keys_sql="SELECT 1"),
            "sets slice_keys_sql, which is not supported",
        ),
        (
            lambda c: c.cross_slicing_specs.add(),
            "eval_config sets cross_slicing_specs",
        ),
        (
            lambda c: c.options.min_slice_size.__setattr__("value", 10),
            "eval_config sets options",
        ),
        (
            lambda c: c.metrics_specs[0].__setattr__("query_key", "id"),
            "metrics_specs sets query_key",
        ),
        (
            lambda c: c.model_specs[0].__setattr__("example_weight_key", "w"),
            "model_spec 'candidate' sets example_weight_key",
        ),
        (
            lambda c: c.model_specs[1].__setattr__("prediction_key", ""),
            "model_spec 'baseline' has no prediction_key",
        ),
        (lambda c: c.ClearField("model_specs"), "model_specs is empty"),
        (lambda c: c.ClearField("metrics_specs"), "metrics_specs names no metric"),
    ],
)
def test_config_with_more_than_is_computed_is_refused(build_config, change, message):
    config = build_config([["origin"]])
    check_config(config)
    change(config)
    with pytest.raises(UnsupportedEvalConfigError, match=message):
        check_config(config)


def test_all_problems_are_told_at_once(build_config):
    config = build_config(metrics=["Precision", "Recall"])
    with pytest.raises(UnsupportedEvalConfigError, match=r"'Precision'.*'Recall'"):
        check_config(config)


def plan(path, **changes):
    settings = {
        "name": "candidate",
        "signature_name": "serving_examples",
        "prediction_key": "probability",
        "label_key": "is_late",
    }
    return ModelPlan(path=path, **{**settings, **changes})


@pytest.fixture(scope="module")
def model_path(write_model, tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"signature_name": "predict"},
            r"has no signature 'predict'; it has serving_default, serving_examples",
        ),
        ({"signature_name": "serving_default"}, "takes p, q; expected serialized"),
        (
            {"prediction_key": "score"},
            r"has no output 'score'; it has pair, probability",
        ),
        (
            {"prediction_key": "pair"},
            r"has shape \[1, 2\] for 1 rows; expected \[1\]",
        ),
    ],
)
def test_model_with_another_interface_is_refused(
    model_path, write_rows, tmp_path, changes, message
):
    rows = write_rows(tmp_path / "rows.gz", [{"p": 0.5, "is_late": 1}])
    wanted = plan(model_path, **changes)
    with pytest.raises(ValueError, match=message):
        count_file(rows, {wanted: LoadedModel(wanted)}, [[]])


@pytest.mark.parametrize("p", [float("nan"), 1.5, -0.1, float("inf")])
def test_prediction_that_is_no_probability_is_refused(
    model_path, write_rows, tmp_path, p
):
    rows = [{"p": 0.5, "is_late": 1}, {"p": p, "is_late": 0}]
    path = write_rows(tmp_path / "rows.gz", rows)
    wanted = plan(model_path)
    with pytest.raises(
        ValueError, match=r"is no probability in 1 of 2 rows .* example"
    ):
        count_file(path, {wanted: LoadedModel(wanted)}, [[]])


def batch(**columns):
    return pa.RecordBatch.from_pydict(columns)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"is_late": [[1], None]}, "1 rows of a batch have not exactly one value"),
        ({"is_late": [[1], [0, 1]]}, "1 rows of a batch have not exactly one value"),
        ({"is_late": [[1], [2]]}, "the label 'is_late' is 2 in a row; expected 0 or 1"),
        ({"is_late": [[0.5], [1.0]]}, "the label 'is_late' is 0.5 in a row"),
        ({"is_late": [[b"yes"], [b"no"]]}, "the label 'is_late' is binary, not 0 or 1"),
        ({"other": [[1], [0]]}, "rows.gz has rows without the label 'is_late'"),
    ],
)
def test_row_without_one_label_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        read_labels(batch(**labels), "is_late", "rows.gz")


def test_labels_may_be_floats():
    labels = read_labels(batch(is_late=[[1.0], [0.0]]), "is_late", "rows.gz")
    assert labels.tolist() == [1, 0]
    assert labels.dtype == np.int64


def test_slice_value_that_is_no_text_is_refused():
    with pytest.raises(
        ValueError, match=r"slice column 'origin' has the value b'\\xff'"
    ):
        slice_rows(batch(origin=[[b"\xff"]]), [["origin"]])


def test_rows_of_every_slice():
    columns = batch(
        origin=[[b"JFK"], None, [b"EWR"], [b"JFK", b"EWR", b"JFK"]],
        hour=pa.array([[1], [1], None, [2]], pa.list_(pa.int64())),
    )
    slices = slice_rows(columns, [[], ["origin"], ["origin", "hour"], ["absent"]])

    assert {key: rows.tolist() for key, rows in slices.items()} == {
        (): [0, 1, 2, 3],
        (("origin", "JFK"),): [0, 3],
        (("origin", "EWR"),): [2, 3],
        (("hour", 1), ("origin", "JFK")): [0],
        (("hour", 2), ("origin", "JFK")): [3],
        (("hour", 2), ("origin", "EWR")): [3],
    }
