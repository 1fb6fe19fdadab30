"""A small, real bundle: saved, judged and sealed as the pusher does it, in a second.

The model says from miles, month and carrier whether a ride comes late:

    miles    FLOAT  missing: FILL_MILES; z-score with what 1,000 rides taught
    month    INT    missing: FILL_MONTH
    carrier  BYTES  index in assets/carriers, most frequent first; missing and unknown
                    carriers share the last index

Raw rows, statistics, weights and answers are the same on every build.
"""

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from serving.bundle import layout, schema_file
from serving.bundle.contract import (
    BatchTime,
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
from serving.bundle.golden_batch import (
    GoldenBatch,
    GoldenRow,
    encode_golden_batch,
    plain_float,
    plain_values,
)
from serving.bundle.library_versions import installed_versions
from serving.bundle.model_guards import describe_signatures
from serving.bundle.seal import seal
from serving.bundle.warmup import warmup_requests, write_warmup_file
from serving.session_model import SessionModel
from tests.serving.tiny_rides import (
    CARRIERS,
    FEATURES,
    NUM_TRAIN_ROWS,
    SCHEMA,
    golden_rows,
    serialized_example,
    statistics,
    train_rows,
)

CLASSES = ("on_time", "late")
FILL_MILES, FILL_MONTH = 80.0, 6.0
BIAS = -0.35
MEASURED = ServingMeasurements(
    server="slipway 0.1.0",
    load_s=0.9,
    warmup_s=0.2,
    memory_bytes=612_368_384,
    latency_p50_ms=0.6,
    latency_p99_ms=1.4,
    batches=(
        BatchTime(num_rows=1, call_ms=0.6),
        BatchTime(num_rows=32, call_ms=0.9),
        BatchTime(num_rows=512, call_ms=3.1),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TinyModel:
    """What the model has learned; a changed value makes another model.

    Attributes:
        mean_miles, std_miles: Constants of the graph.
        weights: Of z-scored miles and of months.
        carrier_weights: One a carrier and one for the others.
        bias: Of the logit.
    """

    mean_miles: float
    std_miles: float
    weights: tuple[float, float] = (0.9, -0.11)
    carrier_weights: tuple[float, ...] = (-0.6, 0.45, 0.85, -1.1, 0.2)
    bias: float = BIAS


def build_tiny_bundle(
    folder: Path | str,
    *,
    name: str = "rides",
    version: int = 1,
    bias: float = BIAS,
    serving: ServingMeasurements | None = None,
) -> Path:
    """Writes the whole bundle; serving.bundle.verify says OK to it.

    Args:
        folder: The version's folder; made if it is not there.
        name: Of the model.
        version: Of the model.
        bias: Of its logit: another bias is another model with other answers.
        serving: What its contract says that a server measured, such as MEASURED.

    Returns:
        The folder.
    """
    folder = Path(folder)
    miles = [row[0] for row in train_rows() if row[0] is not None]
    learned = TinyModel(
        mean_miles=float(np.mean(miles)), std_miles=float(np.std(miles)), bias=bias
    )
    write_saved_model(folder, learned)
    golden = write_golden_batch(folder)
    (folder / layout.SCHEMA).write_text(SCHEMA, encoding="utf-8")
    (folder / layout.STATISTICS).write_bytes(statistics(train_rows()))
    contract = tiny_contract(folder, golden, name, version)
    requests = warmup_requests(golden, contract.raw_features)
    write_warmup_file(folder, name, requests)
    seal(folder, dataclasses.replace(contract, serving=serving))
    return folder


def write_saved_model(folder: Path, learned: TinyModel) -> None:
    """Writes the SavedModel with the three signatures of models/export.py."""
    with tempfile.TemporaryDirectory() as outside:
        vocabulary = Path(outside) / "carriers"
        vocabulary.write_text("".join(f"{carrier}\n" for carrier in CARRIERS))
        root = tf.Module()
        root.weights = tf.Variable(learned.weights, name="dense/kernel")
        root.carriers = tf.Variable(learned.carrier_weights, name="carrier/embeddings")
        root.bias = tf.Variable([learned.bias], name="dense/bias")
        root.table = _lookup_table(str(vocabulary))
        tf.saved_model.save(root, str(folder), signatures=_signatures(root, learned))


def _lookup_table(vocabulary: str) -> tf.lookup.StaticVocabularyTable:
    initializer = tf.lookup.TextFileInitializer(
        vocabulary,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticVocabularyTable(initializer, num_oov_buckets=1)


def _signatures(root: tf.Module, learned: TinyModel) -> dict:
    def transform(miles, month, carrier):
        filled = tf.where(tf.math.is_nan(miles), FILL_MILES, miles)
        month = tf.where(tf.math.is_nan(month), FILL_MONTH, month)
        return {
            "carrier_xf": root.table.lookup(carrier),
            "miles_xf": (filled - learned.mean_miles) / learned.std_miles,
            "month_xf": tf.cast(month, tf.int64),
        }

    def answer(transformed):
        logit = (
            transformed["miles_xf"] * root.weights[0]
            + tf.cast(transformed["month_xf"], tf.float32) * root.weights[1]
            + tf.gather(root.carriers, transformed["carrier_xf"])
            + root.bias[0]
        )
        probability = tf.sigmoid(logit)
        label = tf.where(probability >= 0.5, CLASSES[1], CLASSES[0])
        return {"probability": probability, "label": label}

    def parse(examples):
        spec = {
            "miles": tf.io.FixedLenFeature([], tf.float32, np.nan),
            "month": tf.io.FixedLenFeature([], tf.int64, -1),
            "carrier": tf.io.FixedLenFeature([], tf.string, ""),
        }
        rows = tf.io.parse_example(examples, spec)
        month = tf.cast(rows["month"], tf.float32)
        rows["month"] = tf.where(month < 0, np.float32(np.nan), month)
        return rows

    numbers, texts = tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.string)
    return {
        "serving_default": tf.function(
            lambda miles, month, carrier: answer(transform(miles, month, carrier))
        ).get_concrete_function(miles=numbers, month=numbers, carrier=texts),
        "serving_examples": tf.function(
            lambda examples: answer(transform(**parse(examples)))
        ).get_concrete_function(examples=texts),
        "transform_features": tf.function(
            lambda examples: transform(**parse(examples))
        ).get_concrete_function(examples=texts),
    }


def write_golden_batch(folder: Path) -> GoldenBatch:
    """Writes the golden rows with what TensorFlow's Python loader makes of them."""
    rows = golden_rows()
    examples = tf.constant([serialized_example(row) for row in rows])
    loaded = tf.saved_model.load(str(folder))
    transformed = loaded.signatures["transform_features"](examples=examples)
    outputs = loaded.signatures["serving_examples"](examples=examples)
    columns = {
        name: plain_values(tensor.numpy())
        for name, tensor in sorted({**transformed, **outputs}.items())
    }
    batch = GoldenBatch(
        raw_features=FEATURES,
        transformed_features=tuple(sorted(transformed)),
        outputs=tuple(sorted(outputs)),
        rows=tuple(
            GoldenRow(
                raw=(None if row[0] is None else plain_float(row[0]), *row[1:]),
                transformed=tuple(columns[name][place] for name in sorted(transformed)),
                outputs=tuple(columns[name][place] for name in sorted(outputs)),
            )
            for place, row in enumerate(rows)
        ),
        left_out=("carrier=YY",),
    )
    (folder / layout.EXTRA).mkdir()
    (folder / layout.GOLDEN_BATCH).write_bytes(encode_golden_batch(batch))
    return batch


def tiny_contract(
    folder: Path, golden: GoldenBatch, name: str, version: int
) -> Contract:
    """Describes the folder as the pusher does; `files` is left to seal."""
    model = SessionModel(str(folder))
    signatures = describe_signatures(model.signatures)
    model.close()
    dtypes = {
        tensor.name: tensor.dtype for tensor in signatures["transform_features"].outputs
    }
    schema = schema_file.parse_schema(SCHEMA.encode())
    return Contract(
        model=ModelIdentity(
            name=name,
            version=version,
            pushed_at="2026-01-02T03:04:05+00:00",
            model_digest=layout.model_digest(folder),
        ),
        run=RunOrigin(
            pipeline="rides",
            run_id="20260102-030405-abcd",
            code=CodeRevision(commit="0" * 40, is_modified=False),
        ),
        data=DataOrigin(
            spans=(Span(span=1, digest="ab" * 32, num_rows=1240),),
            num_train_rows=NUM_TRAIN_ROWS,
            num_eval_rows=200,
            num_unlabelled_rows=40,
        ),
        key="ride_id",
        label=LabelContract(name="is_late", classes=CLASSES),
        raw_features=schema_file.raw_features(schema, golden.raw_features),
        transformed_features=tuple(
            TransformedFeature(name=name, dtype=dtypes[name])
            for name in golden.transformed_features
        ),
        signatures=signatures,
        schema_fingerprint=schema_file.schema_fingerprint(schema),
        library_versions=installed_versions(),
        evaluation=Evaluation(
            verdict="blessed: auc 0.71 is at least 0.6",
            confidence=0.95,
            metrics=(
                Metric(name="auc", value=0.71, low=0.66, high=0.76, method="DeLong"),
                Metric(name="example_count", value=200.0),
            ),
            checks=(ThresholdCheck(sentence="auc 0.71 is at least 0.6", is_met=True),),
        ),
    )
