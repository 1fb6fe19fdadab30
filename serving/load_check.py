"""Tries a model that has no contract yet, in a process that is nothing but a server.

    python -m serving.load_check MODEL_DIR EXTRAS_DIR

EXTRAS_DIR holds `assets.extra/` with golden_batch.json, schema.pbtxt and
tf_serving_warmup_requests, as the bundle will. The model is loaded as TF Serving does,
warmed up as TF Serving does, replays the golden batch, and answers single rows
against the clock. The last line of standard output is a JSON report; the exit code is 0
if every check passed and 5 if the model is refused.
"""

import argparse
import dataclasses
import functools
import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle import golden_batch, layout, model_guards, schema_file, warmup
from serving.bundle.contract import RawFeature
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import GoldenBatch
from serving.bundle.view import BundleView
from serving.lean_tensorflow import preload_tensorflow
from serving.session_model import (
    EXAMPLES_SIGNATURE,
    NAMED_SIGNATURE,
    ModelRefusedError,
    SessionModel,
)

REFUSED_EXIT_CODE = BundleRefusedError.exit_code
_TIMED_CALLS = 200
_PROBABILITY = "probability"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What the check saw.

    Attributes:
        is_servable: True if every check passed.
        reason: Why not, in words; "" if it is.
        rows: Golden rows replayed.
        load_s: Seconds to load the model, TensorFlow's import left out.
        warmup_s: Seconds to replay the warm-up requests.
        latency_ms: Of one row through `serving_default` after the warm-up: "p50" and
            "p99" of 200 calls, in milliseconds.
        memory_bytes: Largest resident size of the process, TensorFlow included.
        signatures: Signature name to its sorted input and output names.
    """

    is_servable: bool
    reason: str
    rows: int = 0
    load_s: float = 0.0
    warmup_s: float = 0.0
    latency_ms: Mapping[str, float] = dataclasses.field(default_factory=dict)
    memory_bytes: int = 0
    signatures: Mapping[str, Mapping[str, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )


@dataclass(kw_only=True)
class Candidate(BundleView):
    """A model whose contract is not written yet.

    Attributes:
        extras: Folder with the assets.extra/ that it will have.
    """

    extras: Path

    @functools.cached_property
    def golden(self) -> GoldenBatch:
        """The golden batch."""
        return golden_batch.read_golden_batch(self.extras)

    @functools.cached_property
    def schema(self) -> Any:
        """The schema, a schema_pb2.Schema."""
        return schema_file.read_schema(self.extras)

    @property
    def raw_features(self) -> tuple[RawFeature, ...]:
        """The golden batch's features, described by the schema."""
        return schema_file.raw_features(self.schema, self.golden.raw_features)


def check_model(model_dir: Path, extras: Path) -> LoadReport:
    """Loads a model, warms it up and replays its golden batch.

    Args:
        model_dir: A SavedModel directory.
        extras: Folder with its assets.extra/.

    Raises:
        BundleRefusedError: A signature is missing or fails, answers change from call
            to call or are not those of the golden batch, or one is no probability.
        ModelRefusedError: The loader rejects the model, or a warm-up request fails.
    """
    candidate = Candidate(path=model_dir, extras=extras)
    model_guards.graph(candidate)
    model = candidate.model
    for name in model_guards.SIGNATURES:
        if name not in model.signatures:
            raise BundleRefusedError(
                "signatures",
                f"signature {name!r} is missing; the model has "
                f"{', '.join(sorted(model.signatures)) or 'none'}.",
            )
    started = time.monotonic()
    for request in warmup.read_warmup_file(extras):
        model.call(request.signature, request.inputs)
    warmup_s = time.monotonic() - started
    model_guards.determinism(candidate)
    _check_probability(candidate.answers[EXAMPLES_SIGNATURE])
    model_guards.golden_batch(candidate)
    return LoadReport(
        is_servable=True,
        reason="",
        rows=len(candidate.golden.rows),
        load_s=round(model.load_s, 3),
        warmup_s=round(warmup_s, 3),
        latency_ms=_latency_ms(model, candidate.inputs[NAMED_SIGNATURE]),
        memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        signatures={
            name: {
                "inputs": sorted(definition.inputs),
                "outputs": sorted(definition.outputs),
            }
            for name, definition in model.signatures.items()
        },
    )


def _check_probability(answers: Mapping[str, npt.NDArray[Any]]) -> None:
    probability = answers.get(_PROBABILITY)
    if probability is None:
        raise BundleRefusedError(
            "signatures",
            f"signature {EXAMPLES_SIGNATURE!r} has no output {_PROBABILITY!r}; it has "
            f"{', '.join(sorted(answers))}.",
        )
    wrong = ~((probability >= 0) & (probability <= 1))  # True for NaN
    if wrong.any():
        raise BundleRefusedError(
            "golden_batch",
            f"{int(wrong.sum())} of {wrong.size} answers are no probability, for "
            f"example {probability[wrong][0]}.",
        )


def _latency_ms(
    model: SessionModel, inputs: Mapping[str, npt.NDArray[Any]]
) -> dict[str, float]:
    one_row = {name: values[:1] for name, values in inputs.items()}
    times = []
    for _ in range(_TIMED_CALLS):
        started = time.perf_counter()
        model.call(NAMED_SIGNATURE, one_row)
        times.append(time.perf_counter() - started)
    return {
        f"p{percent}": round(float(np.percentile(times, percent)) * 1000, 3)
        for percent in (50, 99)
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks one model; prints the report and returns the exit code."""
    parser = argparse.ArgumentParser(prog="serving.load_check", description=__doc__)
    parser.add_argument("model_dir", type=Path, help="a SavedModel directory")
    parser.add_argument(
        "extras_dir", type=Path, help=f"a folder that holds {layout.EXTRA}/"
    )
    options = parser.parse_args(arguments)
    preload_tensorflow()
    try:
        report = check_model(options.model_dir, options.extras_dir)
    except BundleRefusedError as error:
        report = LoadReport(is_servable=False, reason=error.reason)
    except ModelRefusedError as error:
        report = LoadReport(is_servable=False, reason=str(error))
    sys.stdout.write(json.dumps(dataclasses.asdict(report)) + "\n")
    return 0 if report.is_servable else REFUSED_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
