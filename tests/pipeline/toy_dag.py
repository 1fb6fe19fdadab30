r"""A small DAG and what its nodes do, run by the real runner without TFX.

    first -> left  -> end
         \-> right -/

A node copies what it reads and adds its parameter `text`; parameter `does` makes it
fail, hang, or die. The fork server imports this module.
"""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from pipeline.metadata.turn import metadata_turn
from pipeline.node_answer import answer
from pipeline.node_plan import NodePlan, read_plan
from pipeline.run_record import NodeResult
from tests.pipeline.node_cache.workbench import Workbench

FLOW = {"first": (), "left": ("first",), "right": ("first",), "end": ("left", "right")}


@dataclass
class ToyDag:
    """What the DAG is compiled from; stands for DagInputs."""

    config: dict = field(default_factory=dict)
    texts: dict = field(default_factory=dict)
    does: dict = field(default_factory=dict)
    flow: dict = field(default_factory=lambda: dict(FLOW))

    def compile(self) -> bytes:
        pipeline = pipeline_pb2.Pipeline()
        deployment = pipeline_pb2.IntermediateDeploymentConfig()
        for node_id, upstream in self.flow.items():
            node = pipeline.nodes.add().pipeline_node
            node.node_info.id = node_id
            node.upstream_nodes.extend(upstream)
            for name in upstream:
                channel = node.inputs.inputs[name].channels.add()
                channel.producer_node_query.id = name
                channel.output_key = "text"
            for name, value in (
                ("text", self.texts.get(node_id, node_id)),
                ("does", self.does.get(node_id, "well")),
            ):
                parameter = node.parameters.parameters[name]
                parameter.field_value.string_value = value
            deployment.executor_specs[node_id].Pack(
                executable_spec_pb2.PythonClassExecutableSpec(class_path="toy.Node")
            )
        pipeline.deployment_config.Pack(deployment)
        return pipeline.SerializeToString(deterministic=True)


def build_dag(connection, run_pid, inputs, compiled_file, log_path):
    def work():
        compiled_file.parent.mkdir(parents=True, exist_ok=True)
        compiled_file.write_bytes(inputs.compile())

    answer(connection, run_pid, log_path, work)


def publish_hits(connection, run_pid, target, hits, log_path):
    """Notes what it was told of; no resolver is among them."""

    def work():
        with (target.work_dir.path / "published").open("a") as file:
            file.write("".join(f"{hit.node_id} {hit.artifact_ids}\n" for hit in hits))
        return {}

    answer(connection, run_pid, log_path, work)


def close_attempts(connection, run_pid, target, node_id, log_path):
    def work():
        with (target.work_dir.path / "closed").open("a") as file:
            file.write(f"{node_id}\n")

    answer(connection, run_pid, log_path, work)


def launch_node(connection, run_pid, target, node_id, log_path):
    answer(connection, run_pid, log_path, lambda: _launch(target, node_id))


def _launch(target, node_id) -> NodeResult:
    plans = {
        plan.node_id: plan for plan in read_plan(target.compiled_file.read_bytes())
    }
    plan = plans[node_id]
    folder = target.work_dir.path
    with (folder / "started").open("a") as file:
        file.write(f"{node_id}\n")
    _do(plan, folder)
    text = "".join(_read(name, folder) for name in plan.upstream)
    with metadata_turn(target.metadata):
        bench = Workbench(folder)
        made = bench.artifact(node_id, "text", text + plan.parameters["text"])
    (folder / "latest").mkdir(exist_ok=True)
    (folder / "latest" / node_id).write_text(made.uri)
    return NodeResult(node_id=node_id, state="done", outputs={"text": [made]})


def _read(name, folder) -> str:
    """Finds an input as ML Metadata would: what its node wrote last."""
    uri = (folder / "latest" / name).read_text()
    return (Path(uri) / "Split-train" / "data").read_text()


def _do(plan: NodePlan, folder: Path) -> None:
    does = plan.parameters["does"]
    if does == "fail":
        raise OSError("the network is gone")
    if does == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if does.startswith("wait for "):
        deadline = time.monotonic() + 30
        while not (folder / does.removeprefix("wait for ")).exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    if does == "sleep":
        time.sleep(1.0)


def refuse(connection, run_pid, _target, _hits, log_path):
    """Stands for a store that cannot be written."""

    def work():
        raise RuntimeError("database is locked")

    answer(connection, run_pid, log_path, work)
