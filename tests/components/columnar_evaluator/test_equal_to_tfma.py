"""The same numbers as TFMA's own evaluation of the same rows, slice by slice."""

import math
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.protobuf import json_format
from tfx.types.standard_artifacts import Examples, Model, ModelEvaluation
from tfx_bsl.tfxio.tf_example_record import TFExampleRecord

from components.columnar_evaluator.component import ColumnarEvaluator, as_computed
from components.quality_gate.evaluation_result import load_slices

pytestmark = pytest.mark.beam

SLICES = [["origin"], ["hour"], ["miles"], ["tags"], ["hour", "origin"], ["absent"]]
EDGES = [0.0, 1.0, 0.5, 0.25, 0.0001, 0.9999, 0.1234, 1 / 9999, 0.3, 1e-7]


RARE = {
    5: {"origin": b"rare"},
    6: {"origin": b"rare"},
    8: {"origin": b"wrong", "p": 0.0, "is_late": 1},
    **{number: {"hour": 22, "is_late": 0} for number in (1, 401, 801)},  # one class
    **{number: {"hour": 23, "is_late": 1} for number in (2, 402, 802)},
}


def build_rows():
    """1,200 rows: ties, bucket edges, rare values, one-class slices, absent values."""
    random = np.random.default_rng(7)
    return [build_row(number, random) for number in range(1200)]


def build_row(number, random):
    p = float(random.beta(2, 5))
    if number % 10 == 0:
        p = EDGES[(number // 10) % len(EDGES)]
    elif number % 10 == 1:
        p = round(p, 2)  # ties
    row = {
        "p": p,
        "is_late": int(random.random() < 0.1 + 0.7 * p),
        "origin": [b"EWR", b"JFK", "Zürich".encode()][number % 3],
        "hour": number % 3,
        "miles": [0.1, 250.0][number % 2],
        "tags": [[b"a"], [b"a", b"b"], [b"b", b"b"]][number % 3],
    }
    for column, every in (("origin", 7), ("hour", 11)):
        if number % every == 0:
            del row[column]
    return row | RARE.get(number, {})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, write_rows, write_model):
    """Artifacts as the components before this one write them."""
    folder = tmp_path_factory.mktemp("inputs")
    split = folder / "examples" / "Split-eval"
    split.mkdir(parents=True)
    rows = build_rows()
    for shard, part in enumerate([rows[:700], [], rows[700:]]):
        write_rows(split / f"data_tfrecord-{shard:05d}-of-00003.gz", part)
    examples = Examples()
    examples.uri = str(folder / "examples")
    examples.split_names = '["train", "eval"]'
    made = {"examples": examples}
    for name, is_squared in (("model", False), ("baseline_model", True)):
        made[name] = Model()
        made[name].uri = str(folder / name)
        write_model(folder / name / "Format-Serving", is_squared=is_squared)
    return made


def run_component(inputs, config, folder):
    """Runs the component through its executor and returns its output's folder."""
    evaluation = ModelEvaluation()
    evaluation.uri = str(folder)
    executor = ColumnarEvaluator.EXECUTOR_SPEC.executor_class
    context = executor.Context(
        beam_pipeline_args=[
            "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
        ],
        tmp_dir=str(folder) + "-tmp",
        unique_id="1",
    )
    executor(context).Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {"evaluation": [evaluation]},
        {"eval_config": json_format.MessageToJson(config)},
    )
    return str(folder)


def run_tfma(inputs, config, folder):
    """Evaluates as TFX's Evaluator does and returns the output's folder."""
    config = as_computed(config, has_baseline="baseline_model" in inputs)
    models = [
        tfma.default_eval_shared_model(
            eval_saved_model_path=inputs[name].uri + "/Format-Serving",
            model_name=spec.name,
            eval_config=config,
        )
        for spec in config.model_specs
        for name in ["baseline_model" if spec.is_baseline else "model"]
    ]
    files = inputs["examples"].uri + "/Split-eval/*"
    source = TFExampleRecord(
        files,
        telemetry_descriptors=["test"],
        raw_record_column_name=tfma.ARROW_INPUT_COLUMN,
    )
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | source.BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=models if len(models) > 1 else models[0],
                eval_config=config,
                output_path=str(folder),
            )
        )
    return str(folder)


@pytest.fixture(scope="module")
def with_baseline(inputs, build_config, tmp_path_factory):
    """Folders of this evaluator's and TFMA's result for two models."""
    folder = tmp_path_factory.mktemp("with_baseline")
    config = build_config(SLICES)
    return (
        run_component(inputs, config, folder / "ours"),
        run_tfma(inputs, config, folder / "tfma"),
    )


@pytest.fixture(scope="module")
def alone(inputs, build_config, tmp_path_factory):
    """Folders of both results for the candidate alone."""
    folder = tmp_path_factory.mktemp("alone")
    inputs = {name: inputs[name] for name in ("examples", "model")}
    config = build_config([["origin"], ["hour"]])
    return (
        run_component(inputs, config, folder / "ours"),
        run_tfma(inputs, config, folder / "tfma"),
    )


def read(folder, model_name=None):
    result = tfma.load_eval_result(folder, model_name=model_name)
    return {
        key: {
            name: float(value["doubleValue"])  # "NaN" and "Infinity" are text
            for name, value in next(iter(metrics.values()))[""].items()
        }
        for key, metrics in result.slicing_metrics
    }


def assert_equal(ours, stock):
    assert set(ours) == set(stock)
    for key, metrics in stock.items():
        assert ours[key] == pytest.approx(metrics, abs=1e-9, rel=0, nan_ok=True), key


@pytest.mark.parametrize("model_name", ["candidate", "baseline"])
def test_two_models_have_tfmas_metrics_in_every_slice(with_baseline, model_name):
    ours, stock = (read(folder, model_name) for folder in with_baseline)

    assert_equal(ours, stock)
    assert len(ours) == 1 + 5 + 5 + 2 + 2 + len([key for key in ours if len(key) == 2])
    assert ("auc_diff" in ours[()]) == (model_name == "candidate")


def test_one_model_has_tfmas_metrics_in_every_slice(alone):
    ours, stock = (read(folder) for folder in alone)

    assert_equal(ours, stock)
    assert set(ours[()]) == {
        "auc",
        "auc_precision_recall",
        "binary_accuracy",
        "binary_crossentropy",
        "calibration",
        "example_count",
        "mean_label",
        "mean_prediction",
    }


def test_the_rows_contain_what_is_hard(alone):
    slices = read(alone[0])

    assert math.isnan(slices[()]["binary_crossentropy"])  # 0 and 1 predicted
    assert slices[(("hour", 23),)]["mean_label"] == 1
    assert math.isnan(slices[(("hour", 22),)]["calibration"])  # no positives
    assert slices[(("origin", "wrong"),)]["binary_crossentropy"] == math.inf
    assert slices[(("origin", "rare"),)]["example_count"] == 2
    counts = [value["example_count"] for key, value in slices.items() if key]
    assert sum(counts) < 2 * 1200  # rows without a value are in no slice


def test_verdict_without_thresholds_is_tfmas(alone):
    ours, stock = (
        Path(folder, "validations.tfrecord").read_bytes() for folder in alone
    )
    assert ours == stock


def test_quality_gate_reads_both_models(with_baseline):
    candidate = load_slices(with_baseline[0], "candidate")
    baseline = load_slices(with_baseline[0], "baseline")

    assert (candidate[0].name, candidate[0].rows) == ("all rows", 1200)
    # Squaring keeps the order of the rows, so the AUC stays but for TFMA's buckets.
    auc = baseline[0].metrics["auc"]
    assert candidate[0].metrics["auc"] == pytest.approx(auc, abs=2e-3)
    assert candidate[0].interval("auc", 0.95) is not None


def test_same_inputs_give_the_same_bytes(inputs, build_config, with_baseline, tmp_path):
    again = run_component(inputs, build_config(SLICES), tmp_path / "again")

    names = ("metrics-00000-of-00001.tfrecord", "eval_config.json")
    for name in names:
        first = Path(with_baseline[0], name).read_bytes()
        assert Path(again, name).read_bytes() == first


def test_empty_split_is_refused(inputs, build_config, write_rows, tmp_path):
    examples = Examples()
    examples.uri = str(tmp_path)
    examples.split_names = '["eval"]'
    (tmp_path / "Split-eval").mkdir()
    write_rows(tmp_path / "Split-eval" / "data_tfrecord-00000-of-00001.gz", [])

    with pytest.raises(Exception, match="the split to evaluate on holds no row"):
        run_component(
            {"examples": examples, "model": inputs["model"]},
            build_config(),
            tmp_path / "evaluation",
        )
    assert not list(tmp_path.glob("evaluation/metrics-*"))


def test_unsupported_metric_is_refused_before_any_row_is_read(inputs, build_config):
    with pytest.raises(ValueError, match="metric 'RootMeanSquaredError'"):
        run_component(inputs, build_config(metrics=["RootMeanSquaredError"]), "unused")
