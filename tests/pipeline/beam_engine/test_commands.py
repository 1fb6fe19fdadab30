"""The engine on the command line: dry runs, scoring, and the cache of the DAG."""

import pytest
from typer.testing import CliRunner

from pipeline.beam_engine.for_scoring import scoring_args
from pipeline.cli import app
from pipeline.settings_loader import ConfigError

DATAFLOW = {
    "beam.dataflow.project": "cheese",
    "beam.dataflow.region": "europe-west1",
    "beam.dataflow.staging_location": "gs://cheese/staging",
    "beam.dataflow.temp_location": "gs://cheese/temp",
    "beam.dataflow.image": "registry/slipway@sha256:00",
}
PRINTED = [
    "--runner=DataflowRunner",
    "--project=cheese",
    "--region=europe-west1",
    "--staging_location=gs://cheese/staging",
    "--temp_location=gs://cheese/temp",
    "--experiments=use_runner_v2",
    "--sdk_container_image=registry/slipway@sha256:00",
    "--sdk_location=container",
    "--no_use_public_ips",
]


def as_options(settings):
    return [
        part
        for name, value in settings.items()
        for part in ("--set", f"{name}={value}")
    ]


def test_a_dry_run_prints_the_options_of_the_nodes():
    done = CliRunner().invoke(
        app,
        [
            "run",
            "flights",
            "--dry-run",
            "--set",
            "beam.engine=dataflow",
            *as_options(DATAFLOW),
        ],
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [*PRINTED, "--file_workers=1"]


def test_a_dry_run_is_refused_as_a_run_would_be():
    done = CliRunner().invoke(
        app, ["run", "flights", "--dry-run", "--set", "beam.engine=dataflow"]
    )
    assert isinstance(done.exception, ConfigError)
    assert str(done.exception).startswith("beam.dataflow.project is missing;")


def test_a_dry_scoring_prints_the_options(tmp_path):
    done = CliRunner().invoke(
        app,
        [
            "score",
            "flights",
            "--input",
            "rows.csv",
            "--output",
            str(tmp_path / "out"),
            "--engine",
            "dataflow",
            "--dry-run",
            *as_options(DATAFLOW),
        ],
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == PRINTED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", [None, "local"])
def test_a_scoring_on_this_machine_has_its_own_options(engine, tmp_path):
    assert scoring_args("flights", engine, {}, tmp_path) == ()


def test_a_bundle_given_as_a_folder_takes_the_settings_alone(tmp_path):
    args = scoring_args(
        str(tmp_path), "workers", {"beam.num_workers": 3}, tmp_path / "out"
    )
    assert args == (
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=3",
    )


@pytest.mark.parametrize(
    ("engine", "settings", "message"),
    [
        (
            None,
            {"beam.num_workers": 3},
            (
                "--set beam.num_workers is given without --engine; the settings are "
                "an engine's."
            ),
        ),
        (
            "workers",
            {"train.batch_size": 1},
            "--set train.batch_size: expected a setting of beam, beam.….",
        ),
        (
            "dask",
            {},
            (
                "beam.engine is 'dask', which is not offered: it ends with state DONE "
                "and wrong results: empty TFRecords, lost last batches and lost output "
                "of finish_bundle. It can be local, workers, flink, spark, dataflow."
            ),
        ),
    ],
    ids=["without an engine", "of another section", "dask"],
)
def test_settings_of_a_scoring_that_cannot_be_are_refused(
    engine, settings, message, tmp_path
):
    with pytest.raises(ConfigError) as refused:
        scoring_args(str(tmp_path), engine, settings, tmp_path / "out")
    assert str(refused.value) == message


def test_a_scoring_says_what_its_engine_lacks(tmp_path):
    with pytest.raises(ConfigError, match=r"^beam\.dataflow\.project is missing;"):
        scoring_args(str(tmp_path), "dataflow", {}, tmp_path / "out")
