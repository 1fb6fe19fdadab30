"""Checks that run the model: graph, signatures, determinism, golden batch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle import layout, saved_model
from serving.bundle.compare import differing_rows
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
# Ops that call back into Python, or read or write files that they are told: a graph
# that has learned something needs none of them. Vocabularies are read by their tables,
# weights by RestoreV2.
_FORBIDDEN_OPS = frozenset(
    (
        "CreateSummaryFileWriter",
        "DatasetToTFRecord",
        "DebugIdentity",
        "DebugIdentityV2",
        "DebugIdentityV3",
        "EagerPyFunc",
        "PyFunc",
        "PyFuncStateless",
        "ReadFile",
        "SaveDataset",
        "SaveDatasetV2",
        "WriteFile",
    )
)
_GOLDEN = "golden_batch"
_SHOWN_CHARACTERS = 80


def graph(bundle: BundleView) -> None:
    """The graph runs no code of somebody else's, and touches no file outside."""
    found = saved_model.read_saved_model(bundle.path)
    for op in sorted(saved_model.op_names(found) & _FORBIDDEN_OPS):
        raise BundleRefusedError(
            "no_code",
            f"the graph in {layout.SAVED_MODEL} holds a {op} op, which runs code "
            "outside of the graph, or reads or writes files.",
        )
    for relative in sorted(saved_model.asset_paths(found)):
        if relative not in layout.list_files(bundle.path):
            raise BundleRefusedError(
                "files",
                f"the graph in {layout.SAVED_MODEL} reads {relative!r}, which is no "
                "file of the bundle.",
            )


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
    described = []
    for name, info in sorted(tensors.items()):
        shape = info.tensor_shape
        described.append(
            TensorContract(
                name=name,
                dtype=_dtype_name(name, info.dtype),
                shape=(
                    None
                    if shape.unknown_rank
                    else tuple(int(size.size) for size in shape.dim)
                ),
            )
        )
    return tuple(described)


def _dtype_name(name: str, number: int) -> str:
    import tensorflow as tf

    try:
        return str(tf.dtypes.as_dtype(number).name)
    except TypeError as error:
        raise BundleRefusedError(
            "signatures", f"{name!r} has the dtype {number}, which TensorFlow lacks."
        ) from error


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
    golden = bundle.golden
    for name in golden.transformed_features:
        _compare(
            f"transformed feature {name!r}",
            _answer(bundle, TRANSFORM_SIGNATURE, name),
            golden.expected_transformed(name),
            golden.tolerance,
        )
    for signature in (EXAMPLES_SIGNATURE, NAMED_SIGNATURE):
        for name in golden.outputs:
            _compare(
                f"{name!r} of signature {signature!r}",
                _answer(bundle, signature, name),
                golden.expected_output(name),
                golden.tolerance,
            )
    for name in golden.outputs:
        by_example = _answer(bundle, EXAMPLES_SIGNATURE, name)
        if not is_bit_equal(by_example, _answer(bundle, NAMED_SIGNATURE, name)):
            raise BundleRefusedError(
                _GOLDEN,
                f"{EXAMPLES_SIGNATURE!r} and {NAMED_SIGNATURE!r} differ in {name!r} "
                "for the same rows.",
            )


def _answer(bundle: BundleView, signature: str, name: str) -> npt.NDArray[Any]:
    answers = bundle.answers[signature]
    if name not in answers:
        raise BundleRefusedError(
            _GOLDEN, f"signature {signature!r} has no output {name!r}."
        )
    return np.asarray(answers[name])


def _compare(
    what: str, got: npt.NDArray[Any], expected: Sequence[Any], tolerance: Tolerance
) -> None:
    if got.shape[:1] != (len(expected),):
        raise BundleRefusedError(
            _GOLDEN,
            f"{what} has the shape {list(got.shape)} for {len(expected)} golden rows.",
        )
    differs = differing_rows(got, expected, tolerance)
    if differs.any():
        place = int(np.argmax(differs))
        raise BundleRefusedError(
            _GOLDEN,
            f"{what} is another than at the push for {int(differs.sum())} of "
            f"{len(expected)} golden rows; in row {place} it is {_show(got[place])}, "
            f"expected {_show(expected[place])}.",
        )


def _show(value: Any) -> str:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = repr(round(value, 7)) if isinstance(value, float) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
