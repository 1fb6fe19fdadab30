"""Collects what a contract says of a model from what the run wrote down."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from serving.bundle import layout, schema_file
from serving.bundle.contract import (
    CodeRevision,
    Contract,
    DataOrigin,
    Evaluation,
    LabelContract,
    Metric,
    ModelIdentity,
    RunOrigin,
    ServingMeasurements,
    Span,
    ThresholdCheck,
    TransformedFeature,
)
from serving.bundle.golden_batch import GoldenBatch, read_golden_batch
from serving.bundle.library_versions import installed_versions
from serving.bundle.model_guards import describe_signatures
from serving.session_model import TRANSFORM_SIGNATURE, SessionModel

_LABEL, _PROBABILITY = "label", "probability"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What the pusher is told about a model.

    Attributes:
        model_name: Its folder under the model base path.
        key: Column that names a row.
        label: Column that is predicted.
        run: Pipeline, run and code.
        spans: Spans that were read.
        num_rows: "train", "eval" and "unlabelled" to rows.
        verdict: verdict.json of the quality gate.
        serving: What the serving validator measured; None: nobody measured.
    """

    model_name: str
    key: str
    label: str
    run: RunOrigin
    spans: tuple[Span, ...]
    num_rows: Mapping[str, int]
    verdict: Mapping[str, Any]
    serving: ServingMeasurements | None = None


def parse_spans(text: str) -> tuple[Span, ...]:
    """Reads the JSON list that the DAG hands on."""
    return tuple(Span(**entry) for entry in json.loads(text))


def parse_code(text: str) -> CodeRevision:
    """Reads the JSON object that the DAG hands on."""
    return CodeRevision(**json.loads(text))


def describe_model(bundle: Path, version: int, origin: Origin) -> Contract:
    """Builds the contract of a folder that holds everything else already.

    Args:
        bundle: The folder, with its SavedModel and assets.extra/.
        version: The version it will be.
        origin: What the run knows.

    Raises:
        BundleRefusedError: The golden batch or the schema cannot be read.
        ModelRefusedError: The model cannot be loaded.
    """
    golden = read_golden_batch(bundle)
    schema = schema_file.read_schema(bundle)
    model = SessionModel(str(bundle))
    try:
        signatures = describe_signatures(model.signatures)
    finally:
        model.close()
    dtypes = {
        tensor.name: tensor.dtype for tensor in signatures[TRANSFORM_SIGNATURE].outputs
    }
    return Contract(
        model=ModelIdentity(
            name=origin.model_name,
            version=version,
            pushed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            model_digest=layout.model_digest(bundle),
        ),
        run=origin.run,
        data=DataOrigin(
            spans=origin.spans,
            num_train_rows=origin.num_rows["train"],
            num_eval_rows=origin.num_rows["eval"],
            num_unlabelled_rows=origin.num_rows["unlabelled"],
        ),
        key=origin.key,
        label=LabelContract(name=origin.label, classes=classes_of(golden)),
        raw_features=schema_file.raw_features(schema, golden.raw_features),
        transformed_features=tuple(
            TransformedFeature(name=name, dtype=dtypes[name])
            for name in golden.transformed_features
        ),
        signatures=signatures,
        schema_fingerprint=schema_file.schema_fingerprint(schema),
        library_versions=installed_versions(),
        evaluation=describe_evaluation(origin.verdict),
        serving=origin.serving,
    )


def classes_of(golden: GoldenBatch) -> tuple[str, ...]:
    """Returns the values of output `label`, by the least probability of each.

    The golden rows hold every answer that the evaluation split got.
    """
    labels = golden.expected_output(_LABEL)
    probability = golden.expected_output(_PROBABILITY)
    lowest: dict[str, float] = {}
    for label, value in zip(labels, probability, strict=True):
        lowest[label] = min(lowest.get(label, np.inf), np.max(value))
    return tuple(sorted(lowest, key=lambda label: lowest[label]))


def describe_evaluation(verdict: Mapping[str, Any]) -> Evaluation:
    """Copies metrics on all rows, bounds and verdict out of verdict.json."""
    overall: Sequence[Mapping[str, Any]] = verdict.get("model", ())
    metrics = overall[0]["metrics"] if overall else {}
    intervals = overall[0]["intervals"] if overall else {}
    return Evaluation(
        verdict=verdict["sentence"],
        confidence=verdict["confidence"],
        metrics=tuple(
            Metric(
                name=name,
                value=value,
                low=intervals.get(name, {}).get("low"),
                high=intervals.get(name, {}).get("high"),
                method=intervals.get(name, {}).get("method"),
            )
            for name, value in metrics.items()
        ),
        checks=tuple(
            ThresholdCheck(sentence=check["sentence"], is_met=check["is_met"])
            for check in verdict["checks"]
        ),
    )
