"""A model that computes something else than the one that was judged."""

from pathlib import Path
from typing import Any

from serving.bundle.golden_batch import read_golden_batch
from serving.chaos.failure_mode import NotApplicableError, reseal
from serving.chaos.saved_model_edit import add_constant, add_node, edited_meta_graph
from serving.session_model import EXAMPLES_SIGNATURE, NAMED_SIGNATURE

_PREFIX = "variables/variables"
_LEAST_CHANGE, _RELATIVE_CHANGE = 0.01, 0.01
_DROPPED_FRACTION = 0.5


def change_one_weight(bundle: Path) -> str:
    """Writes the checkpoint anew with one float changed by 1 %, or by 0.01.

    The smallest variable is taken: most often the bias of the output.
    """
    import tensorflow as tf

    prefix = str(bundle / _PREFIX)
    reader = tf.train.load_checkpoint(prefix)
    tensors = {
        name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
    }
    floats = [name for name, values in tensors.items() if _is_float(values)]
    if not floats:
        raise NotApplicableError("it has no variable of float32")
    name = min(floats, key=lambda name: (tensors[name].size, name))
    values = tensors[name] = tensors[name].copy()
    before = float(values.flat[0])
    values.flat[0] += max(_LEAST_CHANGE, abs(before) * _RELATIVE_CHANGE)
    _save(bundle, tensors)
    reseal(bundle)
    variable = name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")
    return f"{variable}[0] is {float(values.flat[0]):.6g} and was {before:.6g}"


def _is_float(values: Any) -> bool:
    return getattr(values, "dtype", None) == "float32" and values.size > 0


def _save(bundle: Path, tensors: dict[str, Any]) -> None:
    import tensorflow as tf

    for path in (bundle / _PREFIX).parent.iterdir():
        path.unlink()
    names = sorted(tensors)
    tf.raw_ops.SaveV2(
        prefix=str(bundle / _PREFIX),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.convert_to_tensor(tensors[name]) for name in names],
    )


def leave_dropout_on(bundle: Path) -> str:
    """Drops half of the probabilities at random, and doubles the others."""
    from tensorflow.core.framework import types_pb2

    outputs = read_golden_batch(bundle).outputs
    changed = []
    with edited_meta_graph(bundle) as meta_graph:
        for signature in (NAMED_SIGNATURE, EXAMPLES_SIGNATURE):
            given = meta_graph.signature_def[signature].outputs
            for name in sorted(set(outputs) & set(given)):
                if given[name].dtype == types_pb2.DT_FLOAT:
                    place = f"dropout/{signature}/{name}"
                    given[name].name = _drop(
                        meta_graph.graph_def, place, given[name].name
                    )
                    changed.append(name)
        if not changed:
            raise NotApplicableError("no output is a float32")
    reseal(bundle)
    return f"{changed[0]!r} passes a dropout layer that is active"


def _drop(graph: Any, name: str, tensor: str) -> str:
    """Puts `x * mask / keep_fraction` behind a tensor; returns its name."""
    from tensorflow.core.framework import types_pb2

    number = types_pb2.DT_FLOAT
    rate = add_constant(graph, f"{name}/rate", _DROPPED_FRACTION, number)
    scale = add_constant(graph, f"{name}/scale", 1 / (1 - _DROPPED_FRACTION), number)
    shape = add_node(
        graph,
        f"{name}/shape",
        "Shape",
        [tensor],
        {"T": number, "out_type": types_pb2.DT_INT32},
    )
    chance = add_node(
        graph,
        f"{name}/chance",
        "RandomUniform",
        [shape],
        {"T": types_pb2.DT_INT32, "dtype": number},
    )
    is_kept = add_node(
        graph, f"{name}/is_kept", "GreaterEqual", [chance, rate], {"T": number}
    )
    mask = add_node(
        graph,
        f"{name}/mask",
        "Cast",
        [is_kept],
        {"SrcT": types_pb2.DT_BOOL, "DstT": number},
    )
    scaled = add_node(graph, f"{name}/scaled", "Mul", [tensor, scale], {"T": number})
    return add_node(graph, f"{name}/dropped", "Mul", [scaled, mask], {"T": number})
