"""Asks the transform graph and the exported model what they make of the golden rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.contract import RawFeature
from serving.bundle.golden_batch import (
    GoldenBatch,
    GoldenRow,
    RawValue,
    Tolerance,
    plain_float,
    plain_values,
)
from serving.session_model import (
    EXAMPLES_SIGNATURE,
    TRANSFORM_SIGNATURE,
    ModelRefusedError,
)

_LABEL, _PROBABILITY = "label", "probability"
# A row whose probability lies this close to one of the other class may fall on the
# other side on another processor.
_DECISION_MARGIN = 1e-4


class ExportedModel:
    """A SavedModel in TensorFlow's Python loader.

    Not the v1 loader that serves it: what both make of a row must agree.
    """

    def __init__(self, model_dir: str) -> None:
        """Loads the model.

        Raises:
            ModelRefusedError: A signature is missing.
        """
        import tensorflow as tf

        self._loaded = tf.saved_model.load(model_dir)  # owns the variables
        for name in (EXAMPLES_SIGNATURE, TRANSFORM_SIGNATURE):
            if name not in self._loaded.signatures:
                raise ModelRefusedError(
                    f"signature {name!r} is missing; the model has "
                    f"{', '.join(sorted(self._loaded.signatures)) or 'none'}."
                )

    def answer(self, examples: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Returns the outputs of `serving_examples` [rows].

        Raises:
            ModelRefusedError: `label` or `probability` is missing.
        """
        import tensorflow as tf

        signature = self._loaded.signatures[EXAMPLES_SIGNATURE]
        outputs = signature(examples=tf.constant(examples, tf.string))
        for name in (_LABEL, _PROBABILITY):
            if name not in outputs:
                raise ModelRefusedError(
                    f"signature {EXAMPLES_SIGNATURE!r} has no output {name!r}; it has "
                    f"{', '.join(sorted(outputs))}."
                )
        return {name: tensor.numpy() for name, tensor in sorted(outputs.items())}

    def labels(self, examples: npt.NDArray[Any]) -> list[str]:
        """Returns the model's label of each row."""
        return [text.decode() for text in self.answer(examples)[_LABEL].tolist()]

    @property
    def transformed_names(self) -> list[str]:
        """Outputs of `transform_features`, in alphabetical order."""
        signature = self._loaded.signatures[TRANSFORM_SIGNATURE]
        return sorted(signature.structured_outputs)


def transform(
    transform_graph_uri: str, features: Sequence[str], examples: Sequence[bytes]
) -> dict[str, npt.NDArray[Any]]:
    """Runs the graph that Transform fitted, before anything was exported.

    Args:
        transform_graph_uri: Folder of Transform's output.
        features: Raw features to parse.
        examples: Serialized tf.Examples.

    Returns:
        Transformed feature to array [rows] or [rows, n].
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    graph = tft.TFTransformOutput(transform_graph_uri)
    spec = graph.raw_feature_spec()
    parsed = tf.io.parse_example(
        list(examples), {name: spec[name] for name in features}
    )
    transformed = graph.transform_features_layer()(parsed)
    return {
        name: (
            tf.sparse.to_dense(tensor)
            if isinstance(tensor, tf.SparseTensor)
            else tensor
        ).numpy()
        for name, tensor in transformed.items()
    }


def build_golden_batch(
    examples: Sequence[bytes],
    features: Sequence[RawFeature],
    transformed: Mapping[str, npt.NDArray[Any]],
    outputs: Mapping[str, npt.NDArray[Any]],
    left_out: Sequence[str],
) -> GoldenBatch:
    """Puts rows and expectations together; leaves out rows too close to a decision.

    Args:
        examples: Serialized tf.Examples.
        features: Raw features, in order.
        transformed: Transformed feature to array [rows] or [rows, n], in order.
        outputs: Output to array [rows].
        left_out: Kinds of rows that found no room.

    Raises:
        ModelRefusedError: A value is NaN or infinite: no model to be served.
    """
    columns = {}
    for name, array in {**transformed, **outputs}.items():
        try:
            columns[name] = plain_values(array)
        except ValueError as error:
            raise ModelRefusedError(f"{name!r} of a real row: {error}") from error
    keep = _clear_decisions(outputs)
    rows = [
        GoldenRow(
            raw=raw_values(example, features),
            transformed=tuple(columns[name][place] for name in transformed),
            outputs=tuple(columns[name][place] for name in outputs),
        )
        for place, example in enumerate(examples)
        if keep[place]
    ]
    return GoldenBatch(
        raw_features=tuple(feature.name for feature in features),
        transformed_features=tuple(transformed),
        outputs=tuple(outputs),
        rows=tuple(rows),
        left_out=tuple(left_out),
        tolerance=Tolerance(),
    )


def raw_values(example: bytes, features: Sequence[RawFeature]) -> tuple[RawValue, ...]:
    """Returns a tf.Example's values in order; None where one is missing."""
    import tensorflow as tf

    parsed = tf.train.Example.FromString(example).features.feature
    values: list[RawValue] = []
    for feature in features:
        kind = (
            parsed[feature.name].WhichOneof("kind") if feature.name in parsed else None
        )
        found = getattr(parsed[feature.name], kind).value if kind else []
        values.append(_plain(found[0]) if len(found) else None)
    return tuple(values)


def _plain(value: Any) -> RawValue:
    if isinstance(value, bytes):
        return value.decode("utf-8") or None
    if isinstance(value, float):
        return None if math.isnan(value) else plain_float(value)
    return int(value)


def _clear_decisions(outputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Tells which rows are not next to a row of another class."""
    labels, probability = outputs[_LABEL], outputs[_PROBABILITY]
    keep = np.ones(len(labels), dtype=bool)
    if probability.ndim != 1:
        return keep
    order = np.argsort(probability, kind="stable")
    close = np.diff(probability[order]) < _DECISION_MARGIN
    differs = labels[order][1:] != labels[order][:-1]
    for place in np.flatnonzero(close & differs):
        keep[order[place]] = keep[order[place + 1]] = False
    return keep
