"""What the configuration says about Beam, as Beam's own options.

Source:
    apache_beam/options/pipeline_options.py, 2.77;
    https://beam.apache.org/documentation/runtime/sdk-harness-config/
"""

import os
from collections.abc import Callable, Iterator

from pipeline.beam_engine.beam_config import BeamConfig, FlinkConfig, SparkConfig

# Short names of runners are not registered for this one; Beam's default runner would
# download a Go program, and then fall back in silence.
_IN_PROCESS = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# For workers elsewhere TFX builds a package of itself, 2 s a node, unless they have an
# image. Workers of all engines but Dataflow have this project beside them.
_NO_PACKAGE = "--sdk_container_image=none"
_BRINGS_PROJECT = ("--sdk_container_image=", "--setup_file=")
_MAX_AUTOMATIC_WORKERS = 2
# What Spark 3 opens to itself on Java 17: its JavaModuleOptions.
_SPARK_OPENS = (
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)
# The job server prints every metric of a job, thousands of lines.
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


def engine_args(config: BeamConfig, folder: str) -> list[str]:
    """Returns Beam's options for an engine.

    Args:
        config: The `beam` section.
        folder: One that workers see too; what they are sent is put below it.
    """
    return list(_OPTIONS[config.engine](config, folder))


def dag_args(config: BeamConfig, work_dir: str) -> list[str]:
    """Returns the options of every node of a DAG: Beam's and those of our components.

    Args:
        config: The `beam` section.
        work_dir: The run's.
    """
    # An engine with workers of its own needs no forks of the node.
    forks = config.num_workers if config.is_in_process else 1
    args = [*engine_args(config, work_dir), f"--file_workers={forks}"]
    if not any(argument.startswith(_BRINGS_PROJECT) for argument in args):
        args.append(_NO_PACKAGE)
    return args


def _local(_config: BeamConfig, _folder: str) -> Iterator[str]:
    yield _IN_PROCESS


def _workers(config: BeamConfig, _folder: str) -> Iterator[str]:
    available = min(len(os.sched_getaffinity(0)), _MAX_AUTOMATIC_WORKERS)
    yield _IN_PROCESS
    yield "--direct_running_mode=multi_processing"
    yield f"--direct_num_workers={config.num_workers or available}"


def _flink(config: BeamConfig, folder: str) -> Iterator[str]:
    flink = config.flink
    yield "--runner=FlinkRunner"
    yield f"--flink_master={flink.master}"
    yield f"--flink_version={flink.version}"
    yield f"--flink_job_server_jar={flink.job_server_jar}"
    # Without it, a job server beside the node would take 1.
    yield f"--parallelism={flink.parallelism}"
    yield from _job_server(flink, folder)


def _spark(config: BeamConfig, folder: str) -> Iterator[str]:
    yield "--runner=SparkRunner"
    yield f"--spark_master_url={config.spark.master}"
    yield f"--spark_job_server_jar={config.spark.job_server_jar}"
    for package in _SPARK_OPENS:
        opened = f"--add-opens=java.base/{package}=ALL-UNNAMED"
        yield f"--job_server_jvm_properties={opened}"
    yield from _job_server(config.spark, folder)


def _job_server(engine: FlinkConfig | SparkConfig, folder: str) -> Iterator[str]:
    yield f"--job_server_jvm_properties={_QUIET}"
    if engine.is_embedded:
        yield "--environment_type=LOOPBACK"
    else:
        yield "--environment_type=EXTERNAL"
        yield f"--environment_config={engine.worker_pool}"
        yield f"--artifacts_dir={folder}/beam-artifacts"


def _dataflow(config: BeamConfig, _folder: str) -> Iterator[str]:
    asked = config.dataflow
    yield "--runner=DataflowRunner"
    yield f"--project={asked.project}"
    yield f"--region={asked.region}"
    yield f"--staging_location={asked.staging_location}"
    yield f"--temp_location={asked.temp_location}"
    yield "--experiments=use_runner_v2"
    optional = {
        "--sdk_container_image": asked.image or None,
        "--setup_file": asked.setup_file,
        "--machine_type": asked.machine_type,
        "--max_num_workers": asked.max_num_workers,
        "--disk_size_gb": asked.disk_size_gb,
        "--service_account_email": asked.service_account,
        "--subnetwork": asked.subnetwork,
    }
    for name, value in optional.items():
        if value is not None:
            yield f"{name}={value}"
    if asked.image:
        # The image has Beam and this project: nothing to install at a worker's start.
        yield "--sdk_location=container"
    if not asked.use_public_ips:
        yield "--no_use_public_ips"


_OPTIONS: dict[str, Callable[[BeamConfig, str], Iterator[str]]] = {
    "local": _local,
    "workers": _workers,
    "flink": _flink,
    "spark": _spark,
    "dataflow": _dataflow,
}
