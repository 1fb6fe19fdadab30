"""Opens a SavedModel's graph, adds nodes, and writes it back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.bundle import layout

_SERVE = "serve"


@contextmanager
def edited_meta_graph(bundle: Path) -> Iterator[Any]:
    """Gives the MetaGraphDef that is served, and writes what became of it.

    Nothing is written if the block raises.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    path = bundle / layout.SAVED_MODEL
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    yield next(
        meta for meta in saved.meta_graphs if _SERVE in list(meta.meta_info_def.tags)
    )
    path.write_bytes(saved.SerializeToString(deterministic=True))


def add_node(
    graph: Any,
    name: str,
    op: str,
    inputs: Sequence[str],
    types: Mapping[str, int] | None = None,
) -> str:
    """Adds a node to a GraphDef.

    Args:
        graph: The GraphDef.
        name: Of the node; not taken yet.
        op: TensorFlow's name of its operation.
        inputs: Names of the tensors it takes.
        types: Attribute name to a DataType of types_pb2.

    Returns:
        The name of the node's first output.
    """
    node = graph.node.add(name=name, op=op, input=inputs)
    for attribute, dtype in (types or {}).items():
        node.attr[attribute].type = dtype
    return f"{name}:0"


def add_constant(graph: Any, name: str, value: float | str, dtype: int) -> str:
    """Adds a scalar constant to a GraphDef; returns its output's name."""
    import tensorflow as tf

    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype, shape=[]))
    return f"{name}:0"


def redirect(graph: Any, tensor: str, replacement: str, new_nodes: str) -> None:
    """Makes every node that reads a tensor read another one.

    Args:
        graph: The GraphDef.
        tensor: What they read now, such as "serving_default_miles:0".
        replacement: What they shall read.
        new_nodes: Nodes whose names begin so keep reading `tensor`.
    """
    node_name = tensor.removesuffix(":0")
    for node in graph.node:
        if node.name.startswith(new_nodes):
            continue
        for place, source in enumerate(node.input):
            if source in (node_name, f"{node_name}:0"):
                node.input[place] = replacement.removesuffix(":0")
