"""Replays the golden batch through a running server, in every way there is to ask it.

    REST  row format  serving_default       one JSON object a row
    REST  columnar    serving_default       one JSON list a feature
    gRPC              serving_default       one named tensor a feature
    gRPC              serving_examples      serialized tf.Examples

Every answer must be the golden one within the golden batch's tolerance, and all four
must be equal in every bit: they are the same rows through the same graph, and a float32
written in JSON by TF Serving's rule reads back as itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.compare import differing_rows
from serving.bundle.contract import RawFeature
from serving.bundle.golden_batch import GoldenBatch, Value, named_tensors
from serving.bundle.model_guards import is_bit_equal
from serving.client.errors import ServingClientError
from serving.client.grpc_client import GrpcClient
from serving.client.prediction import Prediction
from serving.client.rest_client import RestClient
from serving.client.wire_messages import new_message
from serving.server_check.errors import CheckFailedError
from serving.session_model import EXAMPLES_SIGNATURE, NAMED_SIGNATURE

Arrays = Mapping[str, npt.NDArray[Any]]
_SHOWN_CHARACTERS = 60
_LISTS = {"BYTES": "bytes_list", "INT": "int64_list", "FLOAT": "float_list"}


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldenRequests:
    """The golden rows in each of the forms.

    Attributes:
        columns: Inputs of serving_default: float32 with NaN, or object (bytes).
        lists: The same as lists of float and str.
        rows: The same, one mapping a row.
        examples: Serialized tf.Examples, object (bytes) [rows].
    """

    columns: Arrays
    lists: Mapping[str, Sequence[float | str]]
    rows: Sequence[Mapping[str, Any]]
    examples: npt.NDArray[Any]


def golden_requests(
    golden: GoldenBatch, features: tuple[RawFeature, ...]
) -> GoldenRequests:
    """Puts the golden rows into each form.

    Raises:
        BundleRefusedError: Guard "format": a value is not of its feature's type.
    """
    columns = named_tensors(golden, features)
    lists = {
        name: [value.decode() for value in values]
        if values.dtype == object
        else values.tolist()
        for name, values in columns.items()
    }
    rows = [
        dict(zip(lists, values, strict=True))
        for values in zip(*lists.values(), strict=True)
    ]
    examples = np.array(serialized_examples(golden, features), dtype=object)
    return GoldenRequests(columns=columns, lists=lists, rows=rows, examples=examples)


def serialized_examples(
    golden: GoldenBatch, features: tuple[RawFeature, ...]
) -> list[bytes]:
    """Returns the rows as golden_batch.serialized_examples does, without TensorFlow."""
    places = [
        (feature, golden.raw_features.index(feature.name)) for feature in features
    ]
    serialized = []
    for row in golden.rows:
        example = new_message("Example")
        example.features.SetInParent()
        for feature, place in places:
            value = row.raw[place]
            if value is not None and value != "":
                target = example.features.feature[feature.name]
                getattr(target, _LISTS[feature.example_type]).value.append(
                    _example_value(feature, value)
                )
        serialized.append(example.SerializeToString(deterministic=True))
    return serialized


def _example_value(feature: RawFeature, value: float | str) -> bytes | int | float:
    if feature.example_type == "BYTES":
        return str(value).encode()
    return int(value) if feature.example_type == "INT" else float(value)


def replay(
    rest: RestClient, grpc: GrpcClient, requests: GoldenRequests, golden: GoldenBatch
) -> None:
    """Asks in every way and judges the answers.

    Args:
        rest: Of the server.
        grpc: Likewise.
        requests: The golden rows in each form.
        golden: What must come of them.

    Raises:
        CheckFailedError: A request fails, or an answer is another than expected or
            than over another way; names the way, the output and the row.
    """
    ways: dict[str, Callable[[], Prediction]] = {
        f"gRPC {NAMED_SIGNATURE}": lambda: grpc.predict_columns(requests.columns),
        f"gRPC {EXAMPLES_SIGNATURE}": lambda: grpc.predict_columns(
            {"examples": requests.examples}, signature=EXAMPLES_SIGNATURE
        ),
        "REST row format": lambda: rest.predict(requests.rows),
        "REST columnar": lambda: rest.predict_columns(requests.lists),
    }
    answers: dict[str, Arrays] = {}
    for way, ask in ways.items():
        try:
            answers[way] = ask().outputs
        except ServingClientError as error:
            raise CheckFailedError(
                f"over {way}, the golden rows get no answer: {error}"
            ) from error
        check_answer(way, answers[way], golden)
    first, *others = answers.items()
    for other in others:
        _check_equal(first, other, golden.outputs)


def check_answer(
    way: str, outputs: Arrays, golden: GoldenBatch, places: Sequence[int] | None = None
) -> None:
    """Compares one answer with what the golden batch expects.

    Args:
        way: How it was asked, for the message.
        outputs: The answer.
        golden: The golden batch.
        places: Numbers of the golden rows that were sent; None: all, in order.

    Raises:
        CheckFailedError: An output is missing, or has another number of rows or another
            value; names the first such row.
    """
    sent = range(len(golden.rows)) if places is None else places
    for name in golden.outputs:
        if name not in outputs:
            raise CheckFailedError(
                f"over {way}, the answer has no output {name!r}; it has "
                f"{', '.join(sorted(outputs)) or 'none'}."
            )
        got, all_expected = outputs[name], golden.expected_output(name)
        if got.shape[:1] != (len(sent),):
            raise CheckFailedError(
                f"over {way}, {name!r} has the shape {list(got.shape)} for "
                f"{len(sent)} rows."
            )
        expected = [all_expected[place] for place in sent]
        differs = differing_rows(got, expected, golden.tolerance)
        if differs.any():
            first = int(np.argmax(differs))
            raise CheckFailedError(
                f"over {way}, {name!r} is another than expected for "
                f"{int(differs.sum())} of {len(sent)} rows; for golden row "
                f"{sent[first]} it is {_shown(got[first])}, expected "
                f"{_shown(expected[first])}."
            )


def _check_equal(
    left: tuple[str, Arrays], right: tuple[str, Arrays], names: Sequence[str]
) -> None:
    for name in names:
        one, other = left[1][name], right[1][name]
        if is_bit_equal(one, other):
            continue
        if one.dtype != other.dtype or one.shape != other.shape:
            found, wanted = (f"{a.dtype} {list(a.shape)}" for a in (other, one))
            where = ""
        else:
            row = next(
                row
                for row in range(len(one))
                if not is_bit_equal(one[row : row + 1], other[row : row + 1])
            )
            found, wanted = _shown(other[row]), _shown(one[row])
            where = f" for golden row {row}"
        raise CheckFailedError(
            f"{left[0]} and {right[0]} differ in {name!r}{where}: {wanted} and {found}."
        )


def _shown(value: Value) -> str:
    plain = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(plain, bytes):
        plain = plain.decode("utf-8", "replace")
    text = repr(plain)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
