"""What the processes of the cluster are told: Flink's configuration and Java's options.

    {folder}/conf/config.yaml    read by job manager and task managers
    {folder}/conf/zoo.cfg        read by ZooKeeper; with high availability only
    {folder}/conf/hosts-{i}      names that task manager i knows

Beam gives every task manager the same address of its worker pool. Where each lies in a
pod of its own, that is localhost; here each Java process has a hosts file of its own,
in which POOL_HOST is another loopback address.

Source:
    https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/deployment/config/
    https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/deployment/memory/mem_setup_tm/
    jdk.net.hosts.file: https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/net/doc-files/net-properties.html
"""

import socket
from dataclasses import dataclass
from pathlib import Path

import yaml

POOL_HOST = "beam-worker-pool"

# What Flink's own scripts open to it on Java 17.
JAVA_OPTIONS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.lang",
        "java.net",
        "java.nio",
        "java.util",
        "java.util.concurrent",
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterPlan:
    """What is started.

    Attributes:
        num_task_managers: Each with a worker pool of its own.
        slots: Of each task manager.
        heap_mb: Java heap for the work of a task manager, in MiB; the job manager gets
            as much.
        managed_mb: Memory of a task manager for sorting and shuffling, in MiB.
        restarts: How often a job is begun anew after a failure.
        slot_timeout_s: How long a job waits for slots that are not there, in seconds.
        rest_port: Port of Flink's REST interface. 0: a free one.
        has_ha: Whether ZooKeeper keeps what a job manager needs after a restart.
    """

    num_task_managers: int = 2
    slots: int = 1
    heap_mb: int = 512
    managed_mb: int = 256
    restarts: int = 3
    slot_timeout_s: int = 120
    rest_port: int = 0
    has_ha: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Free ports, all of 127.0.0.1 but for `pool`, which every pool's address has.

    Attributes:
        rest: Flink's REST interface.
        rpc: The job manager's.
        blob: Where the job manager hands out jars.
        pool: The worker pools'.
        zookeeper: ZooKeeper's.
    """

    rest: int
    rpc: int
    blob: int
    pool: int
    zookeeper: int


def pool_address(index: int) -> str:
    """Returns the loopback address of a task manager's worker pool, from 127.0.0.2."""
    return f"127.0.0.{2 + index}"


def write_settings(folder: Path, plan: ClusterPlan, ports: Ports) -> None:
    """Writes every file of conf/."""
    conf = folder / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    settings = _flink_settings(folder, plan, ports)
    (conf / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    for index in range(plan.num_task_managers):
        # Java looks its own host's name up there, too.
        hosts = (
            f"127.0.0.1 localhost {socket.gethostname()}\n"
            f"{pool_address(index)} {POOL_HOST}\n"
        )
        (conf / f"hosts-{index}").write_text(hosts, encoding="utf-8")
    if plan.has_ha:
        (conf / "zoo.cfg").write_text(
            f"dataDir={folder / 'zookeeper'}\nclientPort={ports.zookeeper}\n"
            "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n",
            encoding="utf-8",
        )


def _flink_settings(folder: Path, plan: ClusterPlan, ports: Ports) -> dict[str, object]:
    settings: dict[str, object] = {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": ports.rpc,
        "jobmanager.bind-host": "127.0.0.1",
        "blob.server.port": ports.blob,
        "rest.address": "localhost",
        "rest.bind-address": "127.0.0.1",
        "rest.port": ports.rest,
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.host": "localhost",
        "taskmanager.numberOfTaskSlots": plan.slots,
        "parallelism.default": plan.num_task_managers * plan.slots,
        "io.tmp.dirs": str(folder / "tmp"),
        # A job's own jar comes second: the cluster has the same classes.
        "classloader.resolve-order": "parent-first",
        **restart_settings(plan.restarts),
        "slot.request.timeout": plan.slot_timeout_s * 1000,
        "heartbeat.interval": 2000,
        "heartbeat.timeout": 10000,
        "heartbeat.rpc-failure-threshold": 2,
        **_memory(plan),
    }
    if plan.has_ha:
        settings |= {
            "high-availability.type": "zookeeper",
            "high-availability.zookeeper.quorum": f"127.0.0.1:{ports.zookeeper}",
            "high-availability.storageDir": f"file://{folder / 'ha'}",
            "high-availability.jobmanager.port": ports.rpc,
        }
    return settings


def restart_settings(restarts: int) -> dict[str, object]:
    """Returns how often a job is begun anew, and when.

    A lost task manager fails each step that it worked on. Of Flink's strategies only
    this one counts failures that come together as one; with a fixed delay a job of
    many steps had used up its attempts at once.
    """
    prefix = "restart-strategy.exponential-delay"
    return {
        "restart-strategy.type": "exponential-delay",
        f"{prefix}.attempts-before-reset-backoff": restarts,
        f"{prefix}.initial-backoff": "5 s",
        f"{prefix}.max-backoff": "30 s",
        f"{prefix}.reset-backoff-threshold": "1 h",
    }


def _memory(plan: ClusterPlan) -> dict[str, object]:
    """Returns each part of a task manager's memory; Flink wants all of them."""
    return {
        "taskmanager.cpu.cores": float(plan.slots),
        "taskmanager.memory.framework.heap.size": "128m",
        "taskmanager.memory.framework.off-heap.size": "128m",
        "taskmanager.memory.task.heap.size": f"{plan.heap_mb}m",
        "taskmanager.memory.task.off-heap.size": "64m",
        "taskmanager.memory.managed.size": f"{plan.managed_mb}m",
        # Jobs have up to 100 steps at once, each with buffers of its own: by default
        # 512 of 32 KiB to shuffle through files, which 64 MiB were too few for.
        "taskmanager.network.sort-shuffle.min-buffers": 64,
        "taskmanager.memory.network.min": "256m",
        "taskmanager.memory.network.max": "256m",
        "taskmanager.memory.jvm-metaspace.size": "256m",
        "taskmanager.memory.jvm-overhead.min": "192m",
        "taskmanager.memory.jvm-overhead.max": "192m",
    }


def heap_options(plan: ClusterPlan, role: str) -> tuple[str, ...]:
    """Returns Java's memory options of a process.

    Args:
        plan: What is started.
        role: "jobmanager", "taskmanager" or "zookeeper".
    """
    heap = {
        "jobmanager": plan.heap_mb,
        "taskmanager": plan.heap_mb + 128,
        "zookeeper": 64,
    }
    metaspace = "-XX:MaxMetaspaceSize=256m"
    if role != "taskmanager":
        return (f"-Xmx{heap[role]}m", metaspace)
    # Framework, task and network memory outside the heap, as configured.
    return (f"-Xmx{heap[role]}m", metaspace, "-XX:MaxDirectMemorySize=448m")
