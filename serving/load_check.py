"""Looks into a model that has no contract yet, in a process with nothing else in it.

    python -m serving.load_check MODEL_DIR EXTRAS_DIR

EXTRAS_DIR holds `assets.extra/` with golden_batch.json and schema.pbtxt, as the bundle
will. What no client of a server can see is looked at here: ops in the graph that run
foreign code, signatures that are missing, transformed features, whether two identical
calls give the same bits. The model is loaded as TF Serving does. serving.server_check
runs this beside a server that does load it, and asks that server.

The last line of standard output is a JSON report; the exit code is 0 if every check
passed and 5 if the model is refused.
"""

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from serving.bundle import golden_batch, layout, model_guards, schema_file
from serving.bundle.contract import RawFeature
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import GoldenBatch
from serving.bundle.view import BundleView
from serving.lean_tensorflow import preload_tensorflow
from serving.session_model import EXAMPLES_SIGNATURE, ModelRefusedError

REFUSED_EXIT_CODE = BundleRefusedError.exit_code
_PROBABILITY = "probability"


@dataclass(frozen=True, kw_only=True, slots=True)
class LookReport:
    """What the look saw.

    Attributes:
        is_servable: True if every check passed.
        reason: Why not, in words; "" if it is.
        rows: Golden rows replayed.
        signatures: Signature name to its sorted input and output names.
    """

    is_servable: bool
    reason: str
    rows: int = 0
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


def check_model(model_dir: Path, extras: Path) -> LookReport:
    """Loads a model and replays its golden batch through every signature.

    Args:
        model_dir: A SavedModel directory.
        extras: Folder with its assets.extra/.

    Raises:
        BundleRefusedError: A signature is missing or fails, answers change from call
            to call or are not those of the golden batch, or one is no probability.
        ModelRefusedError: The loader rejects the model.
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
    model_guards.determinism(candidate)
    _check_probability(candidate.answers[EXAMPLES_SIGNATURE])
    model_guards.golden_batch(candidate)
    return LookReport(
        is_servable=True,
        reason="",
        rows=len(candidate.golden.rows),
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
        report = LookReport(is_servable=False, reason=error.reason)
    except ModelRefusedError as error:
        report = LookReport(is_servable=False, reason=str(error))
    sys.stdout.write(json.dumps(dataclasses.asdict(report)) + "\n")
    return 0 if report.is_servable else REFUSED_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
