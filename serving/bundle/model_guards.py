"""Checks that run the model: graph, signatures, determinism, golden batch."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle import layout
from serving.bundle.contract import SignatureContract, TensorContract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import Tolerance
from serving.bundle.view import BundleView
from serving.session_model import (
    EXAMPLES_SIGNATURE,
    NAMED_SIGNATURE,
    TRANSFORM_SIGNATURE,
)

SIGNATURES = (NAMED_SIGNATURE, EXAMPLES_SIGNATURE, TRANSFORM_SIGNATURE)
# Ops that call back into Python or write files: a graph that has learned something
# needs none of them.
_FORBIDDEN_OPS = frozenset(
    ("PyFunc", "PyFuncStateless", "EagerPyFunc", "WriteFile", "DebugIdentity")
)
_GOLDEN = "golden_batch"


def graph(bundle: BundleView) -> None:
    """The graph holds no op that runs code of somebody else's or writes files."""
    for op in sorted(_ops(bundle.path) & _FORBIDDEN_OPS):
        raise BundleRefusedError(
            "no_code",
            f"the graph in {layout.SAVED_MODEL} holds a {op} op, which runs code "
            "outside of the graph.",
        )


def _ops(bundle: Path) -> set[str]:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    text = (bundle / layout.SAVED_MODEL).read_bytes()
    try:
        saved = saved_model_pb2.SavedModel.FromString(text)
    except DecodeError as error:
        raise BundleRefusedError(
            "signatures", f"{layout.SAVED_MODEL} is no SavedModel: {error}."
        ) from error
    graphs = [meta.graph_def for meta in saved.meta_graphs]
    nodes: list[Any] = [node for part in graphs for node in part.node]
    for part in graphs:
        for function in part.library.function:
            nodes += function.node_def
    return {node.op for node in nodes}


def signatures(bundle: BundleView) -> None:
    """The SavedModel takes and gives what the contract says, by name, dtype, shape."""
    found = describe_signatures(bundle.model.signatures)
    declared = bundle.contract.signatures
    for name in SIGNATURES:
        if name not in declared:
            raise BundleRefusedError(
                "signatures", f"the contract does not describe signature {name!r}."
            )
    for name in sorted(declared.keys() | found.keys()):
        if name not in found:
            raise BundleRefusedError(
                "signatures",
                f"signature {name!r} is missing; the model has "
                f"{', '.join(sorted(found)) or 'none'}.",
            )
        if name not in declared:
            raise BundleRefusedError(
                "signatures", f"signature {name!r} is not in the contract."
            )
        for side in ("inputs", "outputs"):
            _check_tensors(
                f"{side} of signature {name!r}",
                getattr(declared[name], side),
                getattr(found[name], side),
            )
    _check_names(
        f"inputs of {NAMED_SIGNATURE!r}",
        bundle.contract.feature_names,
        [tensor.name for tensor in found[NAMED_SIGNATURE].inputs],
    )
    _check_names(
        f"outputs of {TRANSFORM_SIGNATURE!r}",
        [feature.name for feature in bundle.contract.transformed_features],
        [tensor.name for tensor in found[TRANSFORM_SIGNATURE].outputs],
    )


def _check_tensors(
    where: str, declared: Sequence[TensorContract], found: Sequence[TensorContract]
) -> None:
    _check_names(
        where, [tensor.name for tensor in declared], [tensor.name for tensor in found]
    )
    by_name = {tensor.name: tensor for tensor in found}
    for tensor in declared:
        other = by_name[tensor.name]
        if tensor != other:
            raise BundleRefusedError(
                "signatures",
                f"{tensor.name!r} in the {where} is {_kind(other)} in the model and "
                f"{_kind(tensor)} in the contract.",
            )


def _check_names(where: str, declared: Iterable[str], found: Iterable[str]) -> None:
    expected, there = set(declared), set(found)
    for name in sorted(expected - there):
        raise BundleRefusedError(
            "signatures", f"the model's {where} lack {name!r}, which the contract has."
        )
    for name in sorted(there - expected):
        raise BundleRefusedError(
            "signatures", f"the model's {where} have {name!r}, the contract does not."
        )


def _kind(tensor: TensorContract) -> str:
    if tensor.shape is None:
        return f"{tensor.dtype} of any shape"
    sizes = ", ".join("any" if size < 0 else str(size) for size in tensor.shape)
    return f"{tensor.dtype} [{sizes}]"


def describe_signatures(definitions: Mapping[str, Any]) -> dict[str, SignatureContract]:
    """Describes SignatureDefs for a contract, names in alphabetical order."""
    return {
        name: SignatureContract(
            inputs=_describe_tensors(definition.inputs),
            outputs=_describe_tensors(definition.outputs),
        )
        for name, definition in sorted(definitions.items())
    }


def _describe_tensors(tensors: Mapping[str, Any]) -> tuple[TensorContract, ...]:
    import tensorflow as tf

    described = []
    for name, info in sorted(tensors.items()):
        shape = info.tensor_shape
        described.append(
            TensorContract(
                name=name,
                dtype=str(tf.dtypes.as_dtype(info.dtype).name),
                shape=(
                    None
                    if shape.unknown_rank
                    else tuple(int(size.size) for size in shape.dim)
                ),
            )
        )
    return tuple(described)


def determinism(bundle: BundleView) -> None:
    """Two identical calls give identical answers, bit for bit."""
    second = bundle.ask()
    for signature, outputs in bundle.answers.items():
        for name, values in outputs.items():
            if not is_bit_equal(values, second[signature][name]):
                raise BundleRefusedError(
                    "determinism",
                    f"{name!r} of signature {signature!r} changes from one identical "
                    "call to the next: something random, such as dropout, is left "
                    "active. Export the model with training=False.",
                )


def is_bit_equal(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> bool:
    """Tells whether two arrays have the same dtype, shape and bits."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype == object:
        return bool(np.array_equal(left, right))
    return left.tobytes() == right.tobytes()


def golden_batch(bundle: BundleView) -> None:
    """Every signature still makes of the golden rows what it did at the push."""
    golden, answers = bundle.golden, bundle.answers
    tolerance = golden.tolerance
    for name in golden.transformed_features:
        _compare(
            f"transformed feature {name!r}",
            answers[TRANSFORM_SIGNATURE][name],
            golden.expected_transformed(name),
            tolerance,
        )
    for signature in (EXAMPLES_SIGNATURE, NAMED_SIGNATURE):
        for name in golden.outputs:
            if name not in answers[signature]:
                raise BundleRefusedError(
                    _GOLDEN, f"signature {signature!r} has no output {name!r}."
                )
            _compare(
                f"{name!r} of signature {signature!r}",
                answers[signature][name],
                golden.expected_output(name),
                tolerance,
            )
    for name, values in answers[EXAMPLES_SIGNATURE].items():
        if not is_bit_equal(values, answers[NAMED_SIGNATURE][name]):
            raise BundleRefusedError(
                _GOLDEN,
                f"{EXAMPLES_SIGNATURE!r} and {NAMED_SIGNATURE!r} differ in {name!r} "
                "for the same rows.",
            )


def _compare(
    what: str, got: npt.NDArray[Any], expected: Sequence[Any], tolerance: Tolerance
) -> None:
    if len(got) != len(expected):
        raise BundleRefusedError(
            _GOLDEN, f"{what} has {len(got)} values for {len(expected)} golden rows."
        )
    if got.dtype == object:
        texts = [value.decode("utf-8", "replace") for value in got.tolist()]
        differs = np.array(
            [left != right for left, right in zip(texts, expected, strict=True)]
        )
    else:
        wanted = np.array(expected, dtype=got.dtype)
        is_float = got.dtype.kind == "f"
        differs = (
            ~np.isclose(got, wanted, rtol=tolerance.relative, atol=tolerance.absolute)
            if is_float
            else got != wanted
        )
        differs = differs.reshape(len(got), -1).any(axis=1)
    if differs.any():
        place = int(np.argmax(differs))
        raise BundleRefusedError(
            _GOLDEN,
            f"{what} is another than at the push for {int(differs.sum())} of "
            f"{len(expected)} golden rows; in row {place} it is {_show(got[place])}, "
            f"expected {_show(expected[place])}.",
        )


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        return repr(value.decode("utf-8", "replace"))
    if isinstance(value, np.generic):
        value = value.item()
    return repr(round(value, 7)) if isinstance(value, float) else repr(value)
