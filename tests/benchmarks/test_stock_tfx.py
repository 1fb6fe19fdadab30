"""Stock TFX gets the same model code, settings and rows."""

import pytest

from benchmarks.speed_inputs import PACKAGE, write_project
from pipeline.config import load_config


@pytest.fixture(scope="module")
def config(year, tmp_path_factory):
    return load_config(write_project(tmp_path_factory.mktemp("stock"), year, 12, 2))


def test_the_pipeline_is_tfxs_own(config, tmp_path):
    from benchmarks.rivals.stock_tfx import build_pipeline

    components = build_pipeline(config, tmp_path / "csv", tmp_path).components
    assert {type(component).__module__.split(".")[0] for component in components} == {
        "tfx"
    }
    by_id = {component.id: component for component in components}
    assert set(by_id) == {
        *("CsvExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator"),
        *("Transform", "Trainer", "latest_blessed_model", "Evaluator", "Pusher"),
    }
    assert by_id["Trainer"].exec_properties["run_fn"] == f"{PACKAGE}.trainer.run_fn"
    assert '"max_epochs": 4' in by_id["Trainer"].exec_properties["custom_config"]
    assert (
        by_id["Transform"].exec_properties["preprocessing_fn"]
        == f"{PACKAGE}.preprocessing.preprocessing_fn"
    )
    assert "train/*" in str(by_id["CsvExampleGen"].exec_properties["input_config"])


def test_metrics_and_slices_are_ours_and_the_bound_is_for_all_rows(config):
    from benchmarks.rivals.stock_tfx import stock_eval_config
    from pipeline.eval_config import build_eval_config

    ours = build_eval_config(config.evaluation, config.data.label)
    found = stock_eval_config(config)
    assert found.slicing_specs == ours.slicing_specs
    (auc,) = [m for m in found.metrics_specs[0].metrics if m.class_name == "AUC"]
    (judged,) = auc.per_slice_thresholds
    assert [spec.ByteSize() for spec in judged.slicing_specs] == [0]
    assert judged.threshold.value_threshold.lower_bound.value == 0.65
    auc.ClearField("per_slice_thresholds")
    assert found == ours
