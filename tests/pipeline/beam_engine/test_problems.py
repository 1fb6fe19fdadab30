"""What does not fit together is said before any work, by exact text."""

import importlib.metadata
import socket

import pytest

from pipeline.beam_engine.beam_config import (
    BeamConfig,
    DataflowConfig,
    FlinkConfig,
    SparkConfig,
)
from pipeline.beam_engine.problems import find_problems

BEAM = importlib.metadata.version("apache-beam")


@pytest.fixture
def flink_of(write_jar, rest_of_flink):
    """Settings of a cluster with which nothing is wrong, some of them replaced."""
    sound = {
        "master": rest_of_flink.address,
        "job_server_jar": str(write_jar(beam=BEAM, flink="1.19.3")),
        "worker_pool": "localhost:50000",
    }

    def make(shared_dir=None, **others):
        flink = FlinkConfig(**{**sound, **others})
        return BeamConfig(engine="flink", flink=flink, shared_dir=shared_dir)

    return make


def problems(config, **folders):
    return list(find_problems(config, folders or {"work_dir": "/work"}))


@pytest.mark.parametrize("engine", ["local", "workers"])
def test_engines_of_this_machine_need_nothing(engine, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert problems(BeamConfig(engine=engine)) == []


def test_a_cluster_that_fits_has_no_problem(flink_of):
    assert problems(flink_of()) == []


@pytest.mark.parametrize("beam", ["2.62.0", BEAM])
def test_runners_that_were_tried_are_taken(flink_of, write_jar, beam):
    jar = write_jar(beam=beam, flink="1.19.0")
    assert problems(flink_of(job_server_jar=str(jar))) == []


def test_a_missing_java(flink_of, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert problems(flink_of()) == [
        (
            "beam.engine is 'flink', whose job server needs Java, and there is "
            "no java on PATH. Install Java 11 or 17."
        )
    ]


def test_a_missing_jar(flink_of):
    assert problems(flink_of(job_server_jar="/none/jobs.jar")) == [
        (
            "beam.flink.job_server_jar is '/none/jobs.jar'; there is no such "
            "file. Make it: make flink-jars; or give "
            f"org.apache.beam:beam-runners-flink-1.19-job-server:{BEAM}."
        )
    ]


def test_a_file_that_is_no_jar(flink_of, tmp_path):
    path = tmp_path / "jobs.txt"
    path.write_text("no jar")
    assert problems(flink_of(job_server_jar=str(path))) == [
        (
            f"beam.flink.job_server_jar is '{path}', which is no jar: File is not "
            "a zip file."
        )
    ]


def test_a_runner_of_another_beam(flink_of, write_jar):
    jar = write_jar(beam="2.50.0", flink="1.19.0")
    assert problems(flink_of(job_server_jar=str(jar))) == [
        (
            f"beam.flink.job_server_jar is '{jar}', which holds Beam 2.50.0; expected "
            f"{BEAM}, the installed one, or 2.62.0, which was tried with it."
        )
    ]


def test_a_runner_for_another_flink(flink_of, write_jar):
    jar = write_jar(beam=BEAM, flink="2.0.1")
    assert problems(flink_of(job_server_jar=str(jar))) == [
        (
            f"beam.flink.job_server_jar is '{jar}', which holds Flink 2.0.1; "
            "beam.flink.version is '1.19'. Give the job server for that version."
        )
    ]


def test_a_jar_without_versions(flink_of, write_jar):
    jar = write_jar()
    assert problems(flink_of(job_server_jar=str(jar))) == [
        (
            f"beam.flink.job_server_jar is '{jar}', which holds Beam of no version; "
            f"expected {BEAM}, the installed one, or 2.62.0, which was tried with it."
        ),
        (
            f"beam.flink.job_server_jar is '{jar}', which holds Flink of no version; "
            "beam.flink.version is '1.19'. Give the job server for that version."
        ),
    ]


def test_a_cluster_of_another_flink(flink_of, rest_of_flink):
    rest_of_flink.answers["/config"] = {"flink-version": "1.20.1"}
    assert problems(flink_of()) == [
        (
            f"beam.flink.master is '{rest_of_flink.address}', which is Flink 1.20.1; "
            "beam.flink.version is '1.19'. The two have to agree in the first "
            "two numbers."
        )
    ]


def test_nobody_at_the_masters_address(flink_of):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # held, but nobody listens
        master = f"127.0.0.1:{held.getsockname()[1]}"
        (problem,) = problems(flink_of(master=master))
    assert problem == (
        f"beam.flink.master is '{master}', where no Flink answers (<urlopen error "
        "[Errno 111] Connection refused>). Start one: make flink; or give the address "
        "of its REST interface."
    )


def test_somebody_else_at_the_masters_address(flink_of, rest_of_flink):
    rest_of_flink.answers["/config"] = ["something else"]
    (problem,) = problems(flink_of())
    assert problem.startswith(
        f"beam.flink.master is '{rest_of_flink.address}', where no Flink answers"
    )


def test_more_parallelism_than_slots(flink_of, rest_of_flink):
    assert problems(flink_of(parallelism=3)) == [
        (
            f"beam.flink.parallelism is 3; Flink at {rest_of_flink.address} has 2 "
            "slots in all. Start more task managers, or ask for less."
        )
    ]


def test_a_cluster_without_worker_pools(flink_of, rest_of_flink):
    assert problems(flink_of(worker_pool=None)) == [
        (
            f"beam.flink.worker_pool is missing; Flink at {rest_of_flink.address} "
            "needs the HOST:PORT of the Beam worker pool beside each of its "
            "workers, as the worker sees it: localhost:50000 for a sidecar."
        )
    ]


def test_workers_on_other_machines_need_a_shared_folder(write_jar):
    config = BeamConfig(
        engine="spark",
        spark=SparkConfig(
            master="spark://far:7077",
            worker_pool="localhost:50000",
            job_server_jar=str(write_jar(beam=BEAM, spark="3.5.0")),
        ),
    )
    assert problems(config) == [
        (
            "beam.shared_dir is missing; the workers of far:7077 are on other "
            "machines, and need a folder that all see under the same path."
        )
    ]


def test_folders_outside_the_shared_one(flink_of, tmp_path):
    config = flink_of(shared_dir=str(tmp_path))
    folders = {"work_dir": f"{tmp_path}/work", "data.input_base": "/data/spans"}
    assert problems(config, **folders) == [
        (
            "data.input_base is '/data/spans', outside beam.shared_dir "
            f"'{tmp_path}': workers elsewhere would not see it."
        )
    ]


def test_a_shared_folder_that_is_not_there(flink_of):
    assert problems(flink_of(shared_dir="/none")) == [
        "beam.shared_dir is '/none'; there is no such folder."
    ]


def test_spark_needs_a_job_server_for_spark_3(write_jar):
    jar = write_jar(beam=BEAM, spark="4.0.1")
    config = BeamConfig(engine="spark", spark=SparkConfig(job_server_jar=str(jar)))
    assert problems(config) == [
        (
            f"beam.spark.job_server_jar is '{jar}', which holds Spark 4.0.1; expected "
            "Spark 3."
        )
    ]


def test_dataflow_says_all_that_is_missing(tmp_path):
    setup_file = str(tmp_path / "setup.py")
    config = BeamConfig(
        engine="dataflow",
        dataflow=DataflowConfig(
            region="europe-west1", image="registry/slipway:new", setup_file=setup_file
        ),
    )
    assert problems(config) == [
        "beam.dataflow.project is missing; Dataflow needs it, such as my-project.",
        (
            "beam.dataflow.staging_location is missing; Dataflow needs it, such as "
            "gs://my-bucket/staging."
        ),
        (
            "beam.dataflow.temp_location is missing; Dataflow needs it, such as "
            "gs://my-bucket/temp."
        ),
        (
            "beam.dataflow.image is 'registry/slipway:new'; expected an image by "
            "digest, registry/name@sha256:…, so that every worker runs the same code."
        ),
        f"beam.dataflow.setup_file is '{setup_file}'; there is no such file.",
        (
            "work_dir is '/work', which Dataflow's workers do not see: our components "
            "read and write files by their paths. Use beam.engine: flink; --dry-run "
            "prints Dataflow's options."
        ),
    ]


def test_dataflow_needs_the_project_for_its_workers():
    config = BeamConfig(
        engine="dataflow",
        dataflow=DataflowConfig(
            project="cheese",
            region="europe-west1",
            staging_location="gs://cheese/staging",
            temp_location="gs://cheese/temp",
        ),
    )
    assert list(find_problems(config, {})) == [
        (
            "beam.dataflow.image and beam.dataflow.setup_file are missing; the "
            "workers get this project from one of them."
        )
    ]
