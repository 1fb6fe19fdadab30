"""The `beam` section of the configuration: which engine does the work on rows.

Nothing here is part of a cache key: every engine gives the same results.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pipeline.setting_checks import require, require_at_least, require_choice

ENGINES = ("local", "workers", "flink", "spark", "dataflow")
NOT_OFFERED = {
    "dask": (
        "it ends with state DONE and wrong results: empty TFRecords, lost last "
        "batches and lost output of finish_bundle"
    ),
    "prism": "it downloads a program when it runs",
}
EMBEDDED_FLINK = "[local]"
FLINK_VERSIONS = ("1.19", "1.20", "2.0", "2.1", "2.2")
"""What Beam 2.77 has a runner for: FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS."""

_ADDRESS = re.compile(r"[A-Za-z0-9._-]+:[0-9]{1,5}")
_SPARK_LOCAL = re.compile(r"local(\[(\d+|\*)\])?")


def _require_address(name: str, value: str) -> None:
    require(
        _ADDRESS.fullmatch(value) is not None,
        f"{name} is {value!r}; expected HOST:PORT.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class FlinkPods:
    """What `slipway flink-manifest` asks Kubernetes for; a run does not read it.

    Attributes:
        name: Of the cluster; its REST interface is the service {name}-rest.
        image: Flink's own image of FlinkConfig.version, by digest.
        service_account: The operator's, which may keep Flink's state in Kubernetes.
        task_managers: Pods with a task manager and a worker pool.
        slots: Of each task manager.
        job_manager_mb: Memory of the job manager, in MiB.
        task_manager_cpus: Processors of each task manager.
        task_manager_mb: Memory of each task manager, in MiB.
        worker_cpus: Processors of each worker pool, whose Python does the work.
        worker_mb: Memory of each worker pool, in MiB: about 1,500 for each slot.
    """

    name: str = "slipway-flink"
    image: str = ""
    service_account: str = "flink"
    task_managers: int = 2
    slots: int = 1
    job_manager_mb: int = 2048
    task_manager_cpus: float = 0.5
    task_manager_mb: int = 2048
    worker_cpus: float = 2.0
    worker_mb: int = 4096

    def __post_init__(self) -> None:
        require(
            re.fullmatch(r"[a-z]([-a-z0-9]{0,43}[a-z0-9])?", self.name) is not None,
            f"name is {self.name!r}; expected a small letter, then small letters, "
            "digits and -, 45 at most.",
        )
        for name in ("task_managers", "slots", "worker_mb"):
            require_at_least(name, getattr(self, name), 1)
        for name in ("job_manager_mb", "task_manager_mb"):
            require_at_least(name, getattr(self, name), 1024)
        for name in ("task_manager_cpus", "worker_cpus"):
            value = getattr(self, name)
            require(value > 0, f"{name} is {value!r}; expected more than 0.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FlinkConfig:
    """A Flink cluster.

    Attributes:
        master: HOST:PORT of its REST interface, or "[local]": a cluster in a process
            beside the node, which is gone with it.
        version: Major and minor version of the cluster, as "1.19".
        job_server_jar: Beam's job server for that version.
        worker_pool: HOST:PORT of the Beam worker pool beside each task manager, as the
            task manager sees it. Needed unless master is "[local]".
        parallelism: Slots that a step uses: all that the cluster has, or fewer.
        pods: A cluster on Kubernetes.
    """

    master: str = EMBEDDED_FLINK
    version: str = "1.19"
    job_server_jar: str = "var/flink/flink-job-server.jar"
    worker_pool: str | None = None
    parallelism: int = 2
    pods: FlinkPods = field(default_factory=FlinkPods)

    def __post_init__(self) -> None:
        require_choice("version", self.version, FLINK_VERSIONS)
        require_at_least("parallelism", self.parallelism, 1)
        if self.worker_pool is not None:
            _require_address("worker_pool", self.worker_pool)
        if self.is_embedded:
            require(
                self.worker_pool is None,
                f"worker_pool is {self.worker_pool!r}, but master is "
                f"{EMBEDDED_FLINK!r}, whose workers are the node itself.",
            )
            return
        _require_address("master", self.master)

    @property
    def is_embedded(self) -> bool:
        """Whether Flink runs in a process beside the node."""
        return self.master == EMBEDDED_FLINK


@dataclass(frozen=True, kw_only=True, slots=True)
class SparkConfig:
    """A Spark cluster.

    Attributes:
        master: spark://HOST:PORT, or local[N]: Spark in a process beside the node, with
            N threads.
        job_server_jar: Beam's job server for Spark 3.
        worker_pool: As FlinkConfig's, beside each Spark worker. Needed unless master is
            local.
    """

    master: str = "local[2]"
    job_server_jar: str = "var/spark/spark-job-server.jar"
    worker_pool: str | None = None

    def __post_init__(self) -> None:
        if self.worker_pool is not None:
            _require_address("worker_pool", self.worker_pool)
        scheme, _, address = self.master.partition("://")
        is_remote = scheme == "spark" and _ADDRESS.fullmatch(address) is not None
        require(
            self.is_embedded or is_remote,
            f"master is {self.master!r}; expected local[N] or spark://HOST:PORT.",
        )

    @property
    def is_embedded(self) -> bool:
        """Whether Spark runs in a process beside the node."""
        return _SPARK_LOCAL.fullmatch(self.master) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class DataflowConfig:
    """Google Cloud Dataflow.

    Attributes:
        project: Google Cloud project.
        region: Such as europe-west1.
        staging_location: gs:// folder for what workers are sent.
        temp_location: gs:// folder for what a job writes on its way.
        image: Container image of the workers with this project inside, by digest.
        setup_file: This project's setup.py, which every worker installs at its start.
            One of image and setup_file is needed.
        machine_type: Of the workers. None: Dataflow's own.
        max_num_workers: At most this many. None: Dataflow's own.
        disk_size_gb: Of each worker. None: Dataflow's own.
        service_account: Email of whom the workers act for. None: the project's own.
        subnetwork: regions/REGION/subnetworks/NAME. None: the default network.
        use_public_ips: Whether workers have addresses of the internet.
    """

    project: str = ""
    region: str = ""
    staging_location: str = ""
    temp_location: str = ""
    image: str = ""
    setup_file: str | None = None
    machine_type: str | None = None
    max_num_workers: int | None = None
    disk_size_gb: int | None = None
    service_account: str | None = None
    subnetwork: str | None = None
    use_public_ips: bool = False

    def __post_init__(self) -> None:
        for name in ("staging_location", "temp_location"):
            value = getattr(self, name)
            require(
                not value or value.startswith("gs://"),
                f"{name} is {value!r}; expected a folder of a bucket, gs://….",
            )
        if self.max_num_workers is not None:
            require_at_least("max_num_workers", self.max_num_workers, 1)
        if self.disk_size_gb is not None:
            require_at_least("disk_size_gb", self.disk_size_gb, 30)


@dataclass(frozen=True, kw_only=True, slots=True)
class BeamConfig:
    """Which engine does the work on rows, and how it is reached.

    Attributes:
        engine: "local": the node's own process and forks of it. "workers": Beam's
            own processes beside the node. "flink", "spark", "dataflow": see their
            sections.
        num_workers: Processes of "local" and "workers". 0: one for each processor, at
            most 2.
        shared_dir: Folder that this machine and every worker of a cluster see under the
            same path; work_dir and the data have to be below it. Needed where a
            cluster is on other machines.
        flink: Where Flink is.
        spark: Where Spark is.
        dataflow: How Dataflow is used.
    """

    engine: str = "local"
    num_workers: int = 0
    shared_dir: str | None = None
    flink: FlinkConfig = field(default_factory=FlinkConfig)
    spark: SparkConfig = field(default_factory=SparkConfig)
    dataflow: DataflowConfig = field(default_factory=DataflowConfig)

    def __post_init__(self) -> None:
        why = NOT_OFFERED.get(self.engine.lower())
        require(
            why is None,
            f"engine is {self.engine!r}, which is not offered: {why}. It can be "
            f"{', '.join(ENGINES)}.",
        )
        require_choice("engine", self.engine, ENGINES)
        require_at_least("num_workers", self.num_workers, 0)

    @property
    def is_in_process(self) -> bool:
        """Whether Beam's own runner in the node's process does the work."""
        return self.engine == "local"


def with_absolute_paths(
    config: BeamConfig, absolute: Callable[[str], str]
) -> BeamConfig:
    """Returns the same settings with every path of this machine made absolute."""
    setup_file = config.dataflow.setup_file
    return replace(
        config,
        shared_dir=absolute(config.shared_dir) if config.shared_dir else None,
        flink=replace(
            config.flink, job_server_jar=absolute(config.flink.job_server_jar)
        ),
        spark=replace(
            config.spark, job_server_jar=absolute(config.spark.job_server_jar)
        ),
        dataflow=replace(
            config.dataflow, setup_file=absolute(setup_file) if setup_file else None
        ),
    )
