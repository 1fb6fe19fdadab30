"""Where a traced graph makes sparse columns dense, and the part of it behind there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

# Inputs of SparseToDense; the one between them is the shape.
_INDICES, _VALUES, _DEFAULT = 0, 2, 3
MATRIX = 2
"""Rank of a column that is [batch, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """Where a feature becomes dense.

    Attributes:
        operation: Name of the SparseToDense, whose result is [batch, 1], or of the
            Squeeze behind it, whose result is [batch].
        rank: Of that result.
        dtypes: What the values are cast to on the way, in order.
        default: What stands for a missing value.
    """

    operation: str
    rank: int
    dtypes: tuple[tf.DType, ...]
    default: Any


def find_cuts(column: tf.SparseTensor, ends: frozenset[str]) -> list[Cut]:
    """Returns where a feature becomes dense; nothing if it is used in another way.

    Args:
        column: The feature in the graph.
        ends: Names of the tensors that the graph returns.
    """
    cuts: list[Cut] = []
    dense_makers = set()
    for operation, tensor, dtypes in _uses(column.values, ends):
        found = _cuts_behind(operation, ends, dtypes)
        if operation is None or not found:
            return []
        if operation.inputs[_VALUES].name != tensor.name:
            return []
        cuts += found
        dense_makers.add(operation.name)
    for operation, tensor, _ in _uses(column.indices, ends):
        if operation is None or operation.name not in dense_makers:
            return []
        if operation.inputs[_INDICES].name != tensor.name:
            return []
    return cuts


def _cuts_behind(
    operation: tf.Operation | None, ends: frozenset[str], dtypes: tuple[tf.DType, ...]
) -> list[Cut]:
    """Returns the cuts behind a SparseToDense to [batch, 1]; nothing for others."""
    if operation is None or operation.type != "SparseToDense":
        return []
    (matrix,) = operation.outputs
    default = tf.get_static_value(operation.inputs[_DEFAULT])
    if default is None or matrix.shape.rank != MATRIX or matrix.shape[1] != 1:
        return []
    uses = matrix.consumers()
    vectors = [use for use in uses if _is_squeeze(use)]
    cuts = [(use, 1) for use in vectors]
    if len(vectors) < len(uses) or matrix.name in ends:
        cuts.append((operation, MATRIX))
    return [
        Cut(operation=cut.name, rank=rank, dtypes=dtypes, default=default.item())
        for cut, rank in cuts
    ]


def _is_squeeze(operation: tf.Operation) -> bool:
    return operation.type == "Squeeze" and operation.get_attr("squeeze_dims") in (
        [1],
        [-1],
    )


def _uses(
    tensor: tf.Tensor, ends: frozenset[str], dtypes: tuple[tf.DType, ...] = ()
) -> Iterator[tuple[tf.Operation | None, tf.Tensor, tuple[tf.DType, ...]]]:
    """Yields what uses a tensor, its copies and casts.

    Yields:
        The operation, None if the graph returns the tensor; the tensor that it takes;
        what that was cast to on the way.
    """
    if tensor.name in ends:
        yield None, tensor, dtypes
    for operation in tensor.consumers():
        if operation.type == "Identity":
            yield from _uses(operation.outputs[0], ends, dtypes)
        elif operation.type == "Cast":
            (result,) = operation.outputs
            yield from _uses(result, ends, (*dtypes, result.dtype))
        else:
            yield operation, tensor, dtypes


def part_behind(
    graph: tf.Graph,
    fed: Iterable[str],
    wanted: Iterable[tf.Tensor],
    features: Mapping[str, str],
) -> tf.compat.v1.GraphDef:
    """Returns the part of a graph that computes tensors from others.

    What must run before them (assertions, say) is kept, but for what depends on an
    input that is not given.

    Args:
        graph: The whole.
        fed: Names of tensors that will be given: placeholders stand for them.
        wanted: Tensors of the graph.
        features: By the name of each of the graph's inputs, which feature it is of.

    Raises:
        ValueError: They depend on an input that is not given.
    """
    given = {operation_of(name) for name in fed}
    inputs = {tensor.op.name for tensor in graph.inputs} - given
    needed = _sources((tensor.op for tensor in wanted), given)
    if missing := sorted({features[name] for name in inputs & needed.keys()}):
        raise ValueError(
            "the transform graph works out the model's inputs from "
            f"{', '.join(map(repr, missing))}, too, which requests do not have; add "
            "it to the features of a request, or do without it."
        )
    for before in _controls(needed.values(), given):
        sources = _sources([before], given)
        if not sources.keys() & inputs:
            needed |= sources
    part = tf.compat.v1.GraphDef()
    whole = graph.as_graph_def()
    part.library.CopyFrom(whole.library)
    part.versions.CopyFrom(whole.versions)
    for node in whole.node:
        if node.name in needed:
            kept = part.node.add()
            kept.CopyFrom(node)
            _keep_only(kept, needed)
            if node.name in given:
                _make_placeholder(kept, needed[node.name])
    return part


def _sources(
    ends: Iterable[tf.Operation], given: set[str], *, through_controls: bool = False
) -> dict[str, tf.Operation]:
    """Returns the ends, and what they need that is not given, by name."""
    waiting = list(ends)
    needed: dict[str, tf.Operation] = {}
    while waiting:
        operation = waiting.pop()
        if operation.name in needed:
            continue
        needed[operation.name] = operation
        if operation.name not in given:
            waiting += [tensor.op for tensor in operation.inputs]
            if through_controls:
                waiting += operation.control_inputs
    return needed


def _controls(
    operations: Iterable[tf.Operation], given: set[str]
) -> list[tf.Operation]:
    """Returns what must run before operations although they take nothing from it."""
    whole = _sources(operations, given, through_controls=True)
    kept = [operation for name, operation in whole.items() if name not in given]
    return [before for operation in kept for before in operation.control_inputs]


def _keep_only(node: Any, needed: Mapping[str, tf.Operation]) -> None:
    """Takes names out of a node that will not be there."""
    inputs = [
        name
        for name in node.input
        if not name.startswith("^") or name.removeprefix("^") in needed
    ]
    del node.input[:]
    node.input.extend(inputs)
    node.attr.pop("_class", None)  # what is to be on the same device


def _make_placeholder(node: Any, operation: tf.Operation) -> None:
    dtype = operation.outputs[0].dtype.as_datatype_enum
    node.op = "Placeholder"
    del node.input[:]
    node.attr.clear()
    node.attr["dtype"].type = dtype


def operation_of(tensor_name: str) -> str:
    """Returns the name of the operation whose result a tensor is."""
    return tensor_name.partition(":")[0]
