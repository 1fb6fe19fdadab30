"""Starts and ends a Flink cluster of processes of this machine.

    {folder}/                    var/flink/cluster by default
        cluster.json             addresses, see ClusterAddresses
        processes.json           see processes.py
        conf/                    see settings.py
        logs/{role}.log
        tmp/, ha/, zookeeper/    Flink's and ZooKeeper's own

Roles: jobmanager, taskmanager-{i} with workerpool-{i} beside it, and zookeeper with
high availability.
"""

import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.flink_cluster.free_ports import choose_ports
from pipeline.flink_cluster.processes import (
    ClusterProcess,
    read_processes,
    start,
    stop_all,
    write_processes,
)
from pipeline.flink_cluster.settings import (
    JAVA_OPTIONS,
    POOL_HOST,
    ClusterPlan,
    Ports,
    heap_options,
    pool_address,
    write_settings,
)

START_TIMEOUT_S = 120.0
_POLL_S = 0.3
_MAIN_CLASSES = {
    "jobmanager": (
        "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    ),
    "taskmanager": "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
    "zookeeper": "org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer",
}


class ClusterError(RuntimeError):
    """The cluster cannot be started, or does not answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterAddresses:
    """Where a cluster is reached.

    Attributes:
        master: HOST:PORT of Flink's REST interface: beam.flink.master.
        worker_pool: HOST:PORT of a task manager's worker pool, as the task manager
            sees it: beam.flink.worker_pool.
        num_task_managers: How many there are.
        slots: Of all task managers together.
    """

    master: str
    worker_pool: str
    num_task_managers: int
    slots: int


class FlinkCluster:
    """One cluster, given by its folder; this object holds no process."""

    def __init__(self, folder: Path, jars: Path) -> None:
        """Names a cluster, which may or may not run.

        Args:
            folder: For its state.
            jars: The folder with Flink's jars, see pipeline/job_servers.
        """
        self.folder = folder.absolute()
        self._jars = jars.absolute()

    def up(self, plan: ClusterPlan) -> ClusterAddresses:
        """Starts the cluster, unless all of it runs already.

        Raises:
            ClusterError: It does not answer in time; names the logs. All that was
                started is ended.
        """
        processes = self.processes()
        if processes and all(process.is_alive() for process in processes):
            return self.addresses()
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)
        ports = choose_ports(plan)
        (self.folder / "tmp").mkdir(parents=True)
        write_settings(self.folder, plan, ports)
        addresses = ClusterAddresses(
            master=f"localhost:{ports.rest}",
            worker_pool=f"{POOL_HOST}:{ports.pool}",
            num_task_managers=plan.num_task_managers,
            slots=plan.num_task_managers * plan.slots,
        )
        (self.folder / "cluster.json").write_text(
            json.dumps(
                {
                    "addresses": asdict(addresses),
                    "plan": asdict(plan),
                    "ports": asdict(ports),
                },
                indent=1,
            )
        )
        try:
            for role in _roles(plan):
                self.start(role)
            self.wait(addresses.num_task_managers)
        except BaseException:
            self.down()
            raise
        return addresses

    def down(self) -> None:
        """Ends every process of the cluster; nothing to do if there is none."""
        stop_all(self.processes())
        if self.folder.exists():
            write_processes(self.folder, [])

    def start(self, role: str) -> ClusterProcess:
        """Starts one process of a cluster, in place of one of its role that ended."""
        process = start(role, self._command(role), self.folder, _environment())
        others = [each for each in self.processes() if each.role != role]
        write_processes(self.folder, [*others, process])
        return process

    def process(self, role: str) -> ClusterProcess:
        """Returns one process by its role."""
        (found,) = [each for each in self.processes() if each.role == role]
        return found

    def processes(self) -> list[ClusterProcess]:
        """Returns every process that was started, alive or not."""
        return read_processes(self.folder)

    def addresses(self) -> ClusterAddresses:
        """Returns where the cluster is reached.

        Raises:
            ClusterError: There is none.
        """
        return ClusterAddresses(**self._read()["addresses"])

    def ask(self, path: str) -> Any:
        """Returns what Flink's REST interface answers, such as to "/overview"."""
        url = f"http://{self.addresses().master}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def wait(self, num_task_managers: int, timeout_s: float = START_TIMEOUT_S) -> None:
        """Waits until this many task managers are there.

        Raises:
            ClusterError: They are not, or a process ended.
        """
        deadline = time.monotonic() + timeout_s
        seen: Any = "no answer"
        while time.monotonic() < deadline:
            dead = [each.role for each in self.processes() if not each.is_alive()]
            if dead:
                raise ClusterError(
                    f"{dead[0]} ended; see {self.folder / 'logs' / dead[0]}.log."
                )
            try:
                seen = self.ask("/overview")
            except OSError as error:
                seen = error
            else:
                if seen["taskmanagers"] == num_task_managers:
                    return
            time.sleep(_POLL_S)
        raise ClusterError(
            f"Flink did not have {num_task_managers} task managers within "
            f"{timeout_s:.0f} s ({seen}); see {self.folder / 'logs'}."
        )

    def _read(self) -> dict[str, Any]:
        path = self.folder / "cluster.json"
        if not path.exists():
            raise ClusterError(f"{self.folder} holds no cluster; start one: make flink")
        content: dict[str, Any] = json.loads(path.read_bytes())
        return content

    def _command(self, role: str) -> list[str]:
        kind, _, index = role.partition("-")
        content = self._read()
        plan, ports = ClusterPlan(**content["plan"]), Ports(**content["ports"])
        if kind == "workerpool":
            address = f"{pool_address(int(index))}:{ports.pool}"
            return [
                sys.executable,
                "-m",
                "pipeline.flink_cluster.worker_pool",
                address,
            ]
        conf = self.folder / "conf"
        own: list[str] = []
        arguments = ["--configDir", str(conf)]
        if kind == "taskmanager":
            own = [f"-Djdk.net.hosts.file={conf / f'hosts-{index}'}"]
        elif kind == "zookeeper":
            arguments = ["--zkConfigFile", str(conf / "zoo.cfg"), "--peerId", "1"]
        java = shutil.which("java") or "java"
        return [
            java,
            *heap_options(plan, kind),
            *JAVA_OPTIONS,
            *own,
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
            "-cp",
            f"{self._jars}/*",
            _MAIN_CLASSES[kind],
            *arguments,
        ]


def _roles(plan: ClusterPlan) -> Iterator[str]:
    if plan.has_ha:
        yield "zookeeper"
    yield "jobmanager"
    for index in range(plan.num_task_managers):
        yield f"workerpool-{index}"
        yield f"taskmanager-{index}"


def _environment() -> dict[str, str]:
    # Two cores: more threads of TensorFlow's only wait for each other.
    return {"TF_NUM_INTRAOP_THREADS": "1", **os.environ}
