import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions

from pipeline.beam_engine.beam_config import FLINK_VERSIONS, BeamConfig
from pipeline.settings_loader import ConfigError, build_settings


def test_the_default_is_this_machine():
    config = build_settings(BeamConfig, {}, "beam")
    assert config.engine == "local"
    assert config.is_in_process


def test_the_versions_of_flink_are_those_the_installed_beam_has_a_runner_for():
    assert list(FLINK_VERSIONS) == FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"engine": "dask"},
            (
                "beam.engine is 'dask', which is not offered: it ends with state "
                "DONE and wrong results: empty TFRecords, lost last batches and "
                "lost output of finish_bundle. It can be local, workers, flink, "
                "spark, dataflow."
            ),
        ),
        (
            {"engine": "Prism"},
            (
                "beam.engine is 'Prism', which is not offered: it downloads a "
                "program when it runs. It can be local, workers, flink, spark, "
                "dataflow."
            ),
        ),
        (
            {"engine": "flnk"},
            (
                "beam.engine is 'flnk'; it can be local, workers, flink, spark, "
                "dataflow. Did you mean 'flink'?"
            ),
        ),
        ({"num_workers": -1}, "beam.num_workers is -1; expected at least 0."),
        (
            {"flink": {"master": "somewhere"}},
            "beam.flink.master is 'somewhere'; expected HOST:PORT.",
        ),
        (
            {"flink": {"version": "1.18"}},
            (
                "beam.flink.version is '1.18'; it can be 1.19, 1.20, 2.0, 2.1, 2.2. "
                "Did you mean '1.19'?"
            ),
        ),
        (
            {"flink": {"worker_pool": "localhost:50000"}},
            (
                "beam.flink.worker_pool is 'localhost:50000', but master is '[local]', "
                "whose workers are the node itself."
            ),
        ),
        (
            {"flink": {"master": "jobs:8081", "worker_pool": "50000"}},
            "beam.flink.worker_pool is '50000'; expected HOST:PORT.",
        ),
        (
            {"flink": {"parallelism": 0}},
            "beam.flink.parallelism is 0; expected at least 1.",
        ),
        (
            {"spark": {"master": "yarn"}},
            "beam.spark.master is 'yarn'; expected local[N] or spark://HOST:PORT.",
        ),
        (
            {"dataflow": {"staging_location": "/data/staging"}},
            (
                "beam.dataflow.staging_location is '/data/staging'; expected a "
                "folder of a bucket, gs://…."
            ),
        ),
        (
            {"dataflow": {"disk_size_gb": 1}},
            "beam.dataflow.disk_size_gb is 1; expected at least 30.",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_are_refused(values, message):
    with pytest.raises(ConfigError) as refused:
        build_settings(BeamConfig, values, "beam")
    assert str(refused.value) == message


def test_an_unknown_setting_is_refused_by_its_path():
    with pytest.raises(ConfigError, match=r"unknown setting beam\.flink\.slots; known"):
        build_settings(BeamConfig, {"flink": {"slots": 2}}, "beam")
