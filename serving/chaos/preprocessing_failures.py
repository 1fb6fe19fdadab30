"""Preprocessing that is not the one the model was trained behind."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.bundle.contract import RawFeature, read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.chaos.failure_mode import NotApplicableError, reseal
from serving.chaos.saved_model_edit import (
    add_constant,
    add_node,
    edited_meta_graph,
    redirect,
)
from serving.session_model import NAMED_SIGNATURE

_SEED = 20130101
# How far learned numbers move from one year's rows to the next.
_SHIFT = 1.05
# What data frames often write for a missing number, and forms for a missing text.
_FILL_NUMBER, _FILL_TEXT = -1.0, "unknown"
_NEW_NODES = "rebuilt_preprocessing/"
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def refit_vocabularies(bundle: Path) -> str:
    """Orders every vocabulary as the counts on other rows would."""
    moved = []
    for path in sorted((bundle / "assets").rglob("*")):
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        # The most frequent value of one sample is seldom that of the next.
        refitted = _recount(lines)
        if refitted != lines:
            path.write_bytes(b"".join(refitted))
            count = sum(a != b for a, b in zip(lines, refitted, strict=True))
            moved.append(f"{count:,} of {len(lines):,} lines of {path.name!r}")
    if not moved:
        raise NotApplicableError("the bundle has no vocabulary of two lines or more")
    reseal(bundle)
    return f"moved {', '.join(moved)}"


def _recount(lines: list[bytes]) -> list[bytes]:
    """Returns the lines by counts drawn anew: frequent ones stay near the front."""
    if len(lines) < 2:  # noqa: PLR2004 - nothing to move
        return lines
    if not lines[-1].endswith(b"\n"):
        lines = [*lines[:-1], lines[-1] + b"\n"]
    chance = random.Random(_SEED)  # noqa: S311 - no secret
    counts = [chance.lognormvariate(0, 1) / (rank + 1) for rank in range(len(lines))]
    order = sorted(range(len(lines)), key=lambda place: -counts[place])
    if order[0] == 0:
        order[:2] = order[1::-1]
    return [lines[place] for place in order]


def refit_constants(bundle: Path) -> str:
    """Changes every number that preprocessing has learned by 5 %."""
    import tensorflow as tf

    changed = 0
    with edited_meta_graph(bundle) as meta_graph:
        for node in _learned_constants(meta_graph.graph_def):
            tensor = node.attr["value"].tensor
            refitted = (tf.make_ndarray(tensor) * _SHIFT).astype(np.float32)
            tensor.CopyFrom(tf.make_tensor_proto(refitted))
            changed += refitted.size
        if not changed:
            raise NotApplicableError("its graph holds no learned number")
    reseal(bundle)
    return f"moved {changed:,} learned numbers in saved_model.pb by 5 %"


def _learned_constants(graph: Any) -> list[Any]:
    """Returns the float constants that an analyzer filled in.

    Transform hands them to its function as captured constants of the outer graph. A
    model without such has them where it subtracts a mean.
    """
    captured = _constants_read_by(graph.node, _CALLS, slice(None))
    if captured:
        return captured
    bodies = [graph.node, *(part.node_def for part in graph.library.function)]
    return [node for body in bodies for node in _constants_read_by(body, ("Sub",), 1)]


def _constants_read_by(
    nodes: Sequence[Any], ops: Sequence[str], place: slice | int
) -> list[Any]:
    from tensorflow.core.framework import types_pb2

    read: set[str] = set()
    for node in nodes:
        if node.op in ops:
            sources = node.input[place]
            read.update([sources] if isinstance(place, int) else sources)
    names = {source.partition(":")[0] for source in read}
    return [
        node
        for node in nodes
        if node.op == "Const"
        and node.name in names
        and node.attr["dtype"].type == types_pb2.DT_FLOAT
    ]


def fill_missing_by_hand(bundle: Path) -> str:
    """Fills missing values before the model sees them, and not as training did."""
    missing = _features_with_missing(bundle)
    numbers = [feature for feature in missing if feature.dtype == "float32"]
    filled = numbers or missing
    if not filled:
        raise NotApplicableError("no golden row has a missing value")
    with edited_meta_graph(bundle) as meta_graph:
        inputs = meta_graph.signature_def[NAMED_SIGNATURE].inputs
        for feature in filled:
            _insert_fill(meta_graph.graph_def, inputs[feature.name].name, feature.dtype)
    reseal(bundle)
    value = repr(_FILL_NUMBER if numbers else _FILL_TEXT)
    return f"{len(filled)} features get {value} where they are missing"


def _features_with_missing(bundle: Path) -> list[RawFeature]:
    golden = read_golden_batch(bundle)
    return [
        feature
        for place, feature in enumerate(read_contract(bundle).contract.raw_features)
        if any(row.raw[place] is None for row in golden.rows)
    ]


def _insert_fill(graph: Any, tensor: str, dtype: str) -> None:
    """Puts `where(is_missing(x), fill, x)` behind a placeholder."""
    from tensorflow.core.framework import types_pb2

    name = _NEW_NODES + tensor.removesuffix(":0")
    if dtype == "string":
        kind = types_pb2.DT_STRING
        nothing = add_constant(graph, f"{name}/nothing", "", kind)
        is_missing = add_node(
            graph, f"{name}/is_missing", "Equal", [tensor, nothing], {"T": kind}
        )
        fill = add_constant(graph, f"{name}/fill", _FILL_TEXT, kind)
    else:
        kind = types_pb2.DT_FLOAT
        is_missing = add_node(
            graph, f"{name}/is_missing", "IsNan", [tensor], {"T": kind}
        )
        fill = add_constant(graph, f"{name}/fill", _FILL_NUMBER, kind)
    filled = add_node(
        graph, f"{name}/filled", "SelectV2", [is_missing, fill, tensor], {"T": kind}
    )
    redirect(graph, tensor, filled, _NEW_NODES)
