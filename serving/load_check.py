"""Loads an exported model as TF Serving does and has it answer real rows.

`tf.saved_model.load` accepts models that TF Serving's C++ loader rejects at the
first request (a Keras 3 model saved as such does so, with "Could not find variable").
So this uses the v1 loader and a session, in a process that has imported nothing but
TensorFlow:

    python -m serving.load_check MODEL_DIR ROWS_FILE

ROWS_FILE is a TFRecord of raw tf.Examples. The last line of standard output is a
JSON report; the exit code is 0 if every check passed and 5 if the model is refused.
"""

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

NAMED_SIGNATURE = "serving_default"
EXAMPLES_SIGNATURE = "serving_examples"
TRANSFORM_SIGNATURE = "transform_features"
REFUSED_EXIT_CODE = 5


class ModelRefusedError(RuntimeError):
    """The model cannot be served as it is; the text says which check failed and how."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What the check saw.

    Attributes:
        is_servable: True if every signature answered and the answers agree.
        reason: Why not, in words; "" if it is.
        rows: Rows answered.
        load_s: Seconds to load the model, TensorFlow's import left out.
        latency_ms: Median time of serving_examples for one row, in milliseconds.
        signatures: Signature name to its sorted input and output names.
    """

    is_servable: bool
    reason: str
    rows: int
    load_s: float
    latency_ms: float
    signatures: Mapping[str, Mapping[str, Sequence[str]]]


class LoadedModel:
    """A SavedModel in a v1 session, called by signature name."""

    def __init__(self, model_dir: str) -> None:
        """Loads the model.

        Raises:
            ModelRefusedError: The loader rejects it.
        """
        import tensorflow as tf

        self._session = tf.compat.v1.Session(graph=tf.Graph())
        started = time.monotonic()
        try:
            with self._session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(
                    self._session, ["serve"], model_dir
                )
        except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
            raise ModelRefusedError(
                f"the loader rejects the model: {_reason(error)}"
            ) from error
        self.load_s = time.monotonic() - started
        self.signatures = {
            name: definition
            for name, definition in meta_graph.signature_def.items()
            if not name.startswith("__")
        }

    def input_dtypes(self, signature: str) -> dict[str, np.dtype]:
        """Returns input name to numpy dtype (object for text)."""
        import tensorflow as tf

        return {
            name: np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype)
            for name, info in self.signatures[signature].inputs.items()
        }

    def call(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Runs one signature.

        Raises:
            ModelRefusedError: The signature fails on these rows.
        """
        import tensorflow as tf

        definition = self.signatures[signature]
        fetches = {name: info.name for name, info in definition.outputs.items()}
        feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
        try:
            return dict(self._session.run(fetches, feeds))
        except tf.errors.OpError as error:
            raise ModelRefusedError(
                f"signature {signature!r} fails on a real row: {_reason(error)}"
            ) from error


# What TensorFlow puts around the reason.
_NOISE = re.compile(
    r"Graph execution error|Detected at node|<stack traces|\d+ root error|\[\[|\s*File "
)


def _reason(error: BaseException) -> str:
    """Returns the line of TensorFlow's text that says what went wrong."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not _NOISE.match(line)]
    chosen = (telling or lines or [repr(error)])[0]
    return re.sub(r"^\(\d+\) ", "", chosen)


def check_model(model_dir: str, examples: Sequence[bytes]) -> LoadReport:
    """Loads a model and has every signature answer the given rows.

    Args:
        model_dir: A SavedModel directory.
        examples: Serialized raw tf.Examples, at least one.

    Raises:
        ModelRefusedError: A signature is missing or fails, an answer is not a
            probability, or the two serving signatures differ in a single bit.
    """
    model = LoadedModel(model_dir)
    for name in (NAMED_SIGNATURE, EXAMPLES_SIGNATURE, TRANSFORM_SIGNATURE):
        if name not in model.signatures:
            raise ModelRefusedError(
                f"signature {name!r} is missing; the model has "
                f"{', '.join(sorted(model.signatures)) or 'none'}."
            )
    batch = {"examples": np.array(examples, dtype=object)}
    by_example = model.call(EXAMPLES_SIGNATURE, batch)
    by_name = model.call(
        NAMED_SIGNATURE, named_inputs(examples, model.input_dtypes(NAMED_SIGNATURE))
    )
    _check_answers(by_example, by_name, len(examples))
    _check_transformed(model.call(TRANSFORM_SIGNATURE, batch), len(examples))
    return LoadReport(
        is_servable=True,
        reason="",
        rows=len(examples),
        load_s=round(model.load_s, 3),
        latency_ms=_latency_ms(model, examples[:1]),
        signatures={
            name: {
                "inputs": sorted(definition.inputs),
                "outputs": sorted(definition.outputs),
            }
            for name, definition in model.signatures.items()
        },
    )


def named_inputs(
    examples: Sequence[bytes], dtypes: Mapping[str, np.dtype]
) -> dict[str, np.ndarray]:
    """Writes raw tf.Examples as the named tensors a client of JSON would send.

    Returns:
        Input name to array [rows]: float32 with NaN for missing, or object (bytes)
        with b"" for missing.
    """
    import tensorflow as tf

    parsed = [tf.train.Example.FromString(example) for example in examples]
    columns = {}
    for name, dtype in dtypes.items():
        is_text = dtype == np.dtype(object)
        missing: bytes | float = b"" if is_text else math.nan
        values = [_single_value(example, name, missing) for example in parsed]
        columns[name] = np.array(values, dtype=object if is_text else dtype)
    return columns


def _single_value(example: Any, name: str, missing: bytes | float) -> Any:
    feature = example.features.feature.get(name)
    kind = feature.WhichOneof("kind") if feature else None
    values = getattr(feature, kind).value if kind else []
    return values[0] if len(values) else missing


def _check_answers(
    by_example: Mapping[str, np.ndarray], by_name: Mapping[str, np.ndarray], rows: int
) -> None:
    for name in ("probability", "label"):
        if name not in by_example:
            raise ModelRefusedError(
                f"signature {EXAMPLES_SIGNATURE!r} has no output {name!r}; it has "
                f"{', '.join(sorted(by_example))}."
            )
    probability = by_example["probability"]
    if len(probability) != rows:
        raise ModelRefusedError(f"{rows} rows got {len(probability)} answers.")
    if not (np.isfinite(probability).all() and (probability >= 0).all()):
        raise ModelRefusedError("an answer is not a probability: NaN or below 0.")
    if (probability > 1).any():
        raise ModelRefusedError("an answer is not a probability: above 1.")
    for name, answer in by_example.items():
        other = by_name.get(name)
        if other is None or not _is_bit_equal(answer, other):
            differing = rows if other is None else int(np.sum(answer != other))
            raise ModelRefusedError(
                f"{NAMED_SIGNATURE!r} and {EXAMPLES_SIGNATURE!r} differ in output "
                f"{name!r} for {differing} of {rows} rows."
            )


def _is_bit_equal(left: np.ndarray, right: np.ndarray) -> bool:
    if left.dtype == object or left.dtype != right.dtype:
        return left.dtype == right.dtype and np.array_equal(left, right)
    return left.shape == right.shape and left.tobytes() == right.tobytes()


def _check_transformed(features: Mapping[str, np.ndarray], rows: int) -> None:
    for name, values in features.items():
        if len(values) != rows:
            raise ModelRefusedError(
                f"transformed feature {name!r} has {len(values)} values for "
                f"{rows} rows."
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ModelRefusedError(f"transformed feature {name!r} is not finite.")


def _latency_ms(model: LoadedModel, one_row: Sequence[bytes], calls: int = 25) -> float:
    batch = {"examples": np.array(one_row, dtype=object)}
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        model.call(EXAMPLES_SIGNATURE, batch)
        times.append(time.perf_counter() - started)
    return round(float(np.median(times)) * 1000, 3)


def read_rows(rows_file: str) -> list[bytes]:
    """Reads a TFRecord of serialized tf.Examples, gzipped if its name ends in .gz."""
    import tensorflow as tf

    compression = "GZIP" if rows_file.endswith(".gz") else ""
    dataset = tf.data.TFRecordDataset(rows_file, compression_type=compression)
    return [record.numpy() for record in dataset]


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks one model; prints the report and returns the exit code."""
    parser = argparse.ArgumentParser(prog="serving.load_check", description=__doc__)
    parser.add_argument("model_dir", help="a SavedModel directory")
    parser.add_argument("rows_file", help="a TFRecord of raw tf.Examples")
    options = parser.parse_args(arguments)
    rows = read_rows(options.rows_file)
    if not rows:
        parser.error(f"{options.rows_file} holds no row to try the model with.")
    try:
        report = check_model(str(Path(options.model_dir)), rows)
    except ModelRefusedError as error:
        report = LoadReport(
            is_servable=False,
            reason=str(error),
            rows=len(rows),
            load_s=0.0,
            latency_ms=0.0,
            signatures={},
        )
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.is_servable else REFUSED_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
