"""`python -m pipeline.flink_cluster up | down`: make flink, make flink-down."""

import argparse
import sys
from pathlib import Path

from pipeline.flink_cluster.cluster import ClusterError, FlinkCluster
from pipeline.flink_cluster.settings import ClusterPlan
from pipeline.job_servers.jars import FLINK, JarError, ensure_jars

DEFAULT_FOLDER = Path("var/flink")


def main(arguments: list[str] | None = None) -> int:
    """Starts or ends the cluster."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.flink_cluster")
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--task-managers", type=int, default=2)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--rest-port", type=int, default=0)
    parser.add_argument("--ha", action="store_true")
    asked = parser.parse_args(arguments)
    folder: Path = asked.folder.absolute()
    cluster = FlinkCluster(folder / "cluster", folder / "jars")
    if asked.action == "down":
        cluster.down()
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    try:
        ensure_jars(FLINK, folder)
        plan = ClusterPlan(
            num_task_managers=asked.task_managers,
            slots=asked.slots,
            rest_port=asked.rest_port,
            has_ha=asked.ha,
        )
        addresses = cluster.up(plan)
    except (ClusterError, JarError) as error:
        sys.stderr.write(f"flink: {error}\n")
        return 1
    sys.stdout.write(
        f"Flink runs: http://{addresses.master}, "
        f"{addresses.num_task_managers} task managers, {addresses.slots} slots. Use\n"
        "  slipway run flights --set beam.engine=flink "
        f"--set beam.flink.master={addresses.master} "
        f"--set beam.flink.worker_pool={addresses.worker_pool} "
        f"--set beam.flink.parallelism={addresses.slots}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
