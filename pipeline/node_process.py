"""What runs in a node's own process: building the DAG, or launching one node of it.

Every function here is called in a fork of a process that has imported this module, and
with it TensorFlow, Beam and TFX, once. A node gets a process of its own so that its
memory is given back, its log is its own down to C++, and its death is only its own.
"""

import resource
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline import preload
from pipeline.fresh_sources import import_from_sources

import_from_sources()
preload.preload()

# After the preload: what it puts off would be imported here.
from pipeline import node_launch  # noqa: E402
from pipeline.dag_inputs import DagInputs  # noqa: E402
from pipeline.node_answer import answer  # noqa: E402
from pipeline.run_record import NodeResult  # noqa: E402
from pipeline.run_target import Hit, RunTarget  # noqa: E402


def build_dag(
    connection: Connection,
    run_pid: int,
    inputs: DagInputs,
    compiled_file: Path,
    log_path: Path,
) -> None:
    """Compiles the DAG into a file."""
    answer(
        connection,
        run_pid,
        log_path,
        lambda: node_launch.compile_dag(inputs, compiled_file),
    )


def publish_hits(
    connection: Connection,
    run_pid: int,
    target: RunTarget,
    hits: Sequence[Hit],
    log_path: Path,
) -> None:
    """Records what was answered from the cache; sends the resolvers' NodeResults."""
    answer(
        connection, run_pid, log_path, lambda: node_launch.publish_hits(target, hits)
    )


def launch_node(
    connection: Connection,
    run_pid: int,
    target: RunTarget,
    node_id: str,
    log_path: Path,
) -> None:
    """Runs one node through TFX's Launcher and sends its NodeResult."""

    def launch() -> NodeResult:
        started = time.monotonic()
        outputs = node_launch.launch_node(target, node_id)
        return NodeResult(
            node_id=node_id,
            state="done",
            wall_s=time.monotonic() - started,
            peak_memory_bytes=_peak_memory_bytes(),
            outputs=outputs,
        )

    answer(connection, run_pid, log_path, launch)


def close_attempts(
    connection: Connection,
    run_pid: int,
    target: RunTarget,
    node_id: str,
    log_path: Path,
) -> None:
    """Concludes in ML Metadata what a node's dead processes could not."""
    answer(
        connection,
        run_pid,
        log_path,
        lambda: node_launch.close_attempts(target, node_id),
    )


def _peak_memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
