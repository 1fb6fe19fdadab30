import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from components.file_workers.forked_workers import count_workers
from pipeline.beam_engine.beam_config import BeamConfig, DataflowConfig, FlinkConfig
from pipeline.beam_engine.options import dag_args, engine_args

CLUSTER = FlinkConfig(
    master="jobs:8081",
    job_server_jar="/opt/jobs.jar",
    worker_pool="localhost:50000",
    parallelism=6,
)
DATAFLOW = DataflowConfig(
    project="cheese",
    region="europe-west1",
    staging_location="gs://cheese/staging",
    temp_location="gs://cheese/temp",
    image="registry/slipway@sha256:00",
    machine_type="n2-standard-4",
    max_num_workers=20,
    disk_size_gb=60,
    service_account="beam@cheese.iam.gserviceaccount.com",
    subnetwork="regions/europe-west1/subnetworks/beam",
)


def parsed(args):
    return PipelineOptions(args).get_all_options()


def test_the_local_engine_is_beams_own_runner_and_forks_of_the_node():
    assert dag_args(BeamConfig(num_workers=3), "/work") == [
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
        "--file_workers=3",
        "--sdk_container_image=none",
    ]


@pytest.mark.parametrize("engine", ["workers", "flink", "spark", "dataflow"])
def test_engines_with_workers_of_their_own_fork_none(engine):
    config = BeamConfig(engine=engine, num_workers=2)
    assert count_workers(PipelineOptions(dag_args(config, "/work"))) == 1


def test_workers_are_as_many_as_asked_for():
    options = parsed(engine_args(BeamConfig(engine="workers", num_workers=5), "/work"))
    assert options["direct_running_mode"] == "multi_processing"
    assert options["direct_num_workers"] == 5


def test_embedded_flink_works_in_the_node():
    options = parsed(engine_args(BeamConfig(engine="flink"), "/work"))
    assert options["flink_master"] == "[local]"
    assert options["environment_type"] == "LOOPBACK"
    assert options["parallelism"] == 2


def test_embedded_spark_works_in_the_node_on_java_17():
    options = parsed(engine_args(BeamConfig(engine="spark"), "/work"))
    assert options["spark_master_url"] == "local[2]"
    assert options["environment_type"] == "LOOPBACK"
    opened = "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"
    assert opened in options["job_server_jvm_properties"]


def test_a_flink_cluster_works_in_the_pools_beside_its_task_managers():
    config = BeamConfig(engine="flink", flink=CLUSTER)
    options = parsed(engine_args(config, "/shared/work"))
    assert options["runner"] == "FlinkRunner"
    assert options["flink_master"] == "jobs:8081"
    assert options["flink_version"] == "1.19"
    assert options["flink_job_server_jar"] == "/opt/jobs.jar"
    assert options["environment_type"] == "EXTERNAL"
    assert options["environment_config"] == "localhost:50000"
    assert options["artifacts_dir"] == "/shared/work/beam-artifacts"
    assert options["parallelism"] == 6


def test_dataflow_gets_everything_that_is_set():
    config = BeamConfig(engine="dataflow", dataflow=DATAFLOW)
    assert engine_args(config, "gs://cheese/work") == [
        "--runner=DataflowRunner",
        "--project=cheese",
        "--region=europe-west1",
        "--staging_location=gs://cheese/staging",
        "--temp_location=gs://cheese/temp",
        "--experiments=use_runner_v2",
        "--sdk_container_image=registry/slipway@sha256:00",
        "--machine_type=n2-standard-4",
        "--max_num_workers=20",
        "--disk_size_gb=60",
        "--service_account_email=beam@cheese.iam.gserviceaccount.com",
        "--subnetwork=regions/europe-west1/subnetworks/beam",
        "--sdk_location=container",
        "--no_use_public_ips",
    ]


@pytest.mark.parametrize("engine", ["local", "workers", "flink", "spark", "dataflow"])
def test_beam_knows_every_option(engine):
    config = BeamConfig(engine=engine, flink=CLUSTER, dataflow=DATAFLOW)
    args = dag_args(config, "/work")
    known = parsed(args)
    names = {argument.partition("=")[0].removeprefix("--") for argument in args}
    # Added to Beam's by forked_workers.FileWorkerOptions.
    assert names - {"no_use_public_ips"} <= known.keys()
    assert "none" not in args


def test_no_package_is_built_for_workers_that_have_the_project():
    for engine in ("local", "workers", "flink", "spark"):
        assert "--sdk_container_image=none" in dag_args(
            BeamConfig(engine=engine), "/work"
        )
    config = BeamConfig(
        engine="dataflow", dataflow=DataflowConfig(setup_file="/src/setup.py")
    )
    args = dag_args(config, "gs://cheese/work")
    assert "--setup_file=/src/setup.py" in args
    assert "--sdk_container_image=none" not in args
