"""What a runner must know of each node, read from the compiled DAG without TFX.

Source:
    tfx/proto/orchestration/pipeline.proto, for the intermediate representation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

_DOTTED_PARAMETERS = ("preprocessing_fn", "run_fn", "tuner_fn")


@dataclass(frozen=True, kw_only=True, slots=True)
class InputSource:
    """Where one channel of an input comes from.

    Attributes:
        node_id: The node that produces it.
        output: The name of that node's output.
    """

    node_id: str
    output: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePlan:
    """One node.

    Attributes:
        node_id: Its id in the DAG.
        executor: Dotted path of the class that does its work; "" for a resolver.
        strategies: Dotted paths of a resolver's strategies; empty for other nodes.
        parameters: Name to value, as in the DAG; slots are not filled.
        inputs: Input name to the channels it is made of.
        upstream: Nodes that must have ended well before this one starts.
    """

    node_id: str
    executor: str = ""
    strategies: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, tuple[InputSource, ...]] = field(default_factory=dict)
    upstream: tuple[str, ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """Dotted modules whose sources decide what the node does."""
        named = [self.executor, *self.strategies]
        named += [str(self.parameters.get(name) or "") for name in _DOTTED_PARAMETERS]
        return tuple(path.rpartition(".")[0] for path in named if path)


def read_plan(compiled: bytes) -> tuple[NodePlan, ...]:
    """Returns the nodes of a compiled DAG (a tfx Pipeline message), in flow order."""
    pipeline = pipeline_pb2.Pipeline.FromString(compiled)
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    pipeline.deployment_config.Unpack(deployment)
    return tuple(
        _read_node(entry.pipeline_node, deployment) for entry in pipeline.nodes
    )


def _read_node(
    node: pipeline_pb2.PipelineNode,
    deployment: pipeline_pb2.IntermediateDeploymentConfig,
) -> NodePlan:
    node_id = node.node_info.id
    return NodePlan(
        node_id=node_id,
        executor=_class_path(deployment, node_id),
        strategies=tuple(_strategies(node)),
        parameters={
            name: _value(parameter)
            for name, parameter in sorted(node.parameters.parameters.items())
        },
        inputs={
            name: tuple(
                InputSource(
                    node_id=channel.producer_node_query.id, output=channel.output_key
                )
                for channel in spec.channels
            )
            for name, spec in sorted(node.inputs.inputs.items())
            # What a resolver picks from all of ML Metadata has no producer.
            if all(channel.producer_node_query.id for channel in spec.channels)
            and spec.channels
        },
        upstream=tuple(node.upstream_nodes),
    )


def _value(parameter: pipeline_pb2.Value) -> Any:
    value = parameter.field_value
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


def _strategies(node: pipeline_pb2.PipelineNode) -> Iterator[str]:
    for graph in node.inputs.input_graphs.values():
        for step in graph.nodes.values():
            if step.HasField("op_node"):
                yield step.op_node.op_type


def _class_path(
    deployment: pipeline_pb2.IntermediateDeploymentConfig, node_id: str
) -> str:
    if node_id not in deployment.executor_specs:
        return ""
    packed = deployment.executor_specs[node_id]
    python = executable_spec_pb2.PythonClassExecutableSpec()
    if packed.Unpack(python):
        return str(python.class_path)
    beam = executable_spec_pb2.BeamExecutableSpec()
    if packed.Unpack(beam):
        return str(beam.python_executor_spec.class_path)
    raise ValueError(
        f"node {node_id} is run by a {packed.type_url.rpartition('.')[2]}; "
        "this machine runs Python and Beam executors only."
    )
