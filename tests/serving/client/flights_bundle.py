"""A bundle with the flights model's name, inputs and signatures, built in a second.

What it has learned is invented: flights of EV and late departures come late. Its
contract is the tiny bundle's, with the flights' names put in.
"""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from models.flights.features import FEATURE_KEYS
from serving.bundle import layout, schema_file
from serving.bundle.contract import TransformedFeature, read_contract
from serving.bundle.golden_batch import (
    GoldenBatch,
    GoldenRow,
    encode_golden_batch,
    plain_values,
)
from serving.bundle.model_guards import describe_signatures
from serving.bundle.seal import seal
from serving.bundle.warmup import warmup_requests, write_warmup_file
from serving.session_model import SessionModel

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = (ROOT / "data/flights/schema.pbtxt").read_text(encoding="utf-8")
CLASSES = ("on_time", "late")
TYPES = schema_file.example_types(schema_file.parse_schema(SCHEMA.encode()))
TEXTS = tuple(name for name in FEATURE_KEYS if TYPES[name] == "BYTES")


def build_flights_bundle(folder: Path, tiny_bundle: Path, rows: list[dict]) -> Path:
    """Writes the bundle.

    Args:
        folder: The version's; must not exist. Its name is the version.
        tiny_bundle: Whose contract is taken over.
        rows: The golden rows; None is missing.
    """
    tf.saved_model.save(tf.Module(), str(folder), signatures=_signatures())
    golden = _golden_batch(folder, rows)
    (folder / layout.EXTRA).mkdir()
    (folder / layout.GOLDEN_BATCH).write_bytes(encode_golden_batch(golden))
    (folder / layout.SCHEMA).write_text(SCHEMA, encoding="utf-8")
    statistics = (tiny_bundle / layout.STATISTICS).read_bytes()
    (folder / layout.STATISTICS).write_bytes(statistics)
    contract = _contract(folder, tiny_bundle, golden)
    requests = warmup_requests(golden, contract.raw_features)
    write_warmup_file(folder, "flights", requests)
    seal(folder, contract)
    return folder


def _signatures():
    def transform(rows):
        minute = rows["sched_dep_minute"]
        return {
            "is_ev_xf": tf.cast(rows["carrier"] == "EV", tf.float32),
            "sched_dep_minute_xf": tf.where(tf.math.is_nan(minute), 720.0, minute),
        }

    def answer(transformed):
        logit = (
            transformed["sched_dep_minute_xf"] / 480.0
            + 1.5 * transformed["is_ev_xf"]
            - 2.0
        )
        probability = tf.sigmoid(logit)
        label = tf.where(probability >= 0.5, CLASSES[1], CLASSES[0])
        return {"probability": probability, "label": label}

    def parse(examples):
        spec = {
            "sched_dep_minute": tf.io.FixedLenFeature([], tf.int64, -1),
            "carrier": tf.io.FixedLenFeature([], tf.string, ""),
        }
        rows = tf.io.parse_example(examples, spec)
        minute = tf.cast(rows["sched_dep_minute"], tf.float32)
        rows["sched_dep_minute"] = tf.where(minute < 0, np.float32(np.nan), minute)
        return rows

    named = {
        name: tf.TensorSpec([None], tf.string if name in TEXTS else tf.float32, name)
        for name in FEATURE_KEYS
    }
    serialized = tf.TensorSpec([None], tf.string, "examples")
    return {
        "serving_default": tf.function(
            lambda **rows: answer(transform(rows))
        ).get_concrete_function(**named),
        "serving_examples": tf.function(
            lambda examples: answer(transform(parse(examples)))
        ).get_concrete_function(examples=serialized),
        "transform_features": tf.function(
            lambda examples: transform(parse(examples))
        ).get_concrete_function(examples=serialized),
    }


def serialized_example(row: dict) -> bytes:
    """Returns a row as a serialized tf.Example; what is missing is absent."""
    example = tf.train.Example()
    fields = {"BYTES": "bytes_list", "INT": "int64_list", "FLOAT": "float_list"}
    for name, value in row.items():
        if value is not None:
            field = getattr(example.features.feature[name], fields[TYPES[name]])
            field.value.append(value.encode() if name in TEXTS else value)
    return example.SerializeToString(deterministic=True)


def _golden_batch(folder, rows):
    loaded = tf.saved_model.load(str(folder))
    examples = tf.constant([serialized_example(row) for row in rows])
    transformed = loaded.signatures["transform_features"](examples=examples)
    outputs = loaded.signatures["serving_examples"](examples=examples)
    columns = {
        name: plain_values(tensor.numpy())
        for name, tensor in {**transformed, **outputs}.items()
    }
    return GoldenBatch(
        raw_features=FEATURE_KEYS,
        transformed_features=tuple(sorted(transformed)),
        outputs=tuple(sorted(outputs)),
        rows=tuple(
            GoldenRow(
                raw=tuple(row[name] for name in FEATURE_KEYS),
                transformed=tuple(columns[name][place] for name in sorted(transformed)),
                outputs=tuple(columns[name][place] for name in sorted(outputs)),
            )
            for place, row in enumerate(rows)
        ),
        left_out=(),
    )


def _contract(folder, tiny_bundle, golden):
    model = SessionModel(str(folder))
    signatures = describe_signatures(model.signatures)
    model.close()
    schema = schema_file.parse_schema(SCHEMA.encode())
    tiny = read_contract(tiny_bundle).contract
    return dataclasses.replace(
        tiny,
        model=dataclasses.replace(
            tiny.model,
            name="flights",
            version=int(folder.name),
            model_digest=layout.model_digest(folder),
        ),
        key="flight_id",
        raw_features=schema_file.raw_features(schema, FEATURE_KEYS),
        transformed_features=tuple(
            TransformedFeature(name=name, dtype="float32")
            for name in golden.transformed_features
        ),
        signatures=signatures,
        schema_fingerprint=schema_file.schema_fingerprint(schema),
    )
