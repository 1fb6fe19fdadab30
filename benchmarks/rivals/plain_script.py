"""The same job as a script: pandas and Keras, nothing else, no pipeline around it.

    python -m benchmarks.rivals.plain_script CONFIG.yaml SPANS_FOLDER SPANS MODEL RESULT

    SPANS    the spans to read, as "1-12"; the last eval_spans of them are held back
    MODEL    where the Keras model goes (.keras)

Reads Parquet, computes the features of models/flights with pandas and numpy (same
columns, buckets, vocabulary and crosses), trains the same network with the same batch
size, epochs, optimizer and hold-out by day, saves it and writes the AUC on the rows
held back. What it does not do: docs/benchmarks/pipeline.md says it.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import layers, ops
from sklearn.metrics import roc_auc_score

from models.flights import features
from pipeline.config import PipelineConfig, load_config

Arrays = tuple[np.ndarray, np.ndarray]
PREDICT_BATCH_ROWS = 8192


def main() -> int:
    """Runs the script and writes its steps and AUC; returns 0."""
    config_path, input_base, spans, model_path, result = sys.argv[1:]
    clock = Clock()
    config = load_config(Path(config_path))
    first, last = map(int, spans.split("-"))
    split = last - (config.data.split.eval_spans or 0)
    train = read_rows(Path(input_base), range(first, split + 1))
    test = read_rows(Path(input_base), range(split + 1, last + 1))
    clock.lap("read")
    encoder = Encoder(train)
    rows, test_rows = encoder.encode(train), encoder.encode(test)
    clock.lap("features")
    model = fit(rows, train, encoder.table_size, config)
    clock.lap("train")
    model.save(model_path)
    predicted = model.predict(test_rows, batch_size=PREDICT_BATCH_ROWS, verbose=0)
    auc = roc_auc_score(test[features.LABEL_KEY].to_numpy(np.int64), predicted[:, 0])
    clock.lap("save and evaluate")
    found = {"nodes": clock.laps, "auc": float(auc), "state": "saved"}
    Path(result).write_text(json.dumps(found), encoding="utf-8")
    return 0


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.laps: list[dict[str, Any]] = []
        self._last_s = time.monotonic()

    def lap(self, step: str) -> None:
        """Ends a step."""
        now_s = time.monotonic()
        wall_s = now_s - self._last_s
        self.laps.append({"node_id": step, "state": "done", "wall_s": wall_s})
        self._last_s = now_s


def read_rows(input_base: Path, spans: range) -> pd.DataFrame:
    """Returns the labelled rows of some spans, with the columns that are used."""
    columns = [*features.FEATURE_KEYS, features.LABEL_KEY]
    files = [
        file
        for span in spans
        for file in sorted((input_base / f"span-{span}").glob("*.parquet"))
    ]
    rows = pd.concat(
        [pd.read_parquet(file, columns=columns) for file in files], ignore_index=True
    )
    return rows.dropna(subset=[features.LABEL_KEY])


class Encoder:
    """Learns means, quantiles and the vocabulary on one split, applies them to any."""

    def __init__(self, train: pd.DataFrame) -> None:
        """Looks at the training rows only."""
        numbers = _numbers(train)
        dense = numbers[list(features.DENSE_FLOAT_FEATURE_KEYS)]
        self._mean, self._scale = dense.mean(), dense.std(ddof=0).replace(0.0, 1.0)
        steps = np.arange(1, features.NUM_BUCKETS) / features.NUM_BUCKETS
        self._boundaries = {
            key: numbers[key].quantile(steps).to_numpy()
            for key in features.BUCKET_FEATURE_KEYS
        }
        self._codes: dict[str, pd.Series] = {}
        self._rare: dict[str, int] = {}
        first = len(features.BUCKET_FEATURE_KEYS) * (features.NUM_BUCKETS + 1)
        for key, texts in _texts(train, numbers).items():
            counts = texts.value_counts()
            kept = counts[counts >= features.VOCABULARY_FREQUENCY_THRESHOLD].index
            self._codes[key] = pd.Series(np.arange(len(kept)) + first, index=kept)
            self._rare[key] = first + len(kept)
            first = self._rare[key] + 1
        self.table_size = first

    def encode(self, rows: pd.DataFrame) -> Arrays:
        """Returns float32 [rows, numbers] and int32 [rows, rows of the one table]."""
        numbers = _numbers(rows)
        dense = numbers[list(features.DENSE_FLOAT_FEATURE_KEYS)]
        scaled = ((dense - self._mean) / self._scale).fillna(0.0).clip(-4.0, 4.0)
        missing = numbers[list(features.MISSING_FEATURE_KEYS)].isna()
        cycles = []
        for key, period in features.CYCLIC_FEATURE_PERIODS.items():
            angle = numbers[key] * (2.0 * np.pi / period)
            cycles += [np.sin(angle).fillna(0.0), np.cos(angle).fillna(0.0)]
        matrix = np.column_stack([scaled, missing, *cycles]).astype(np.float32)
        return matrix, self._indices(rows, numbers)

    def _indices(self, rows: pd.DataFrame, numbers: pd.DataFrame) -> np.ndarray:
        indices = []
        for place, (key, boundaries) in enumerate(self._boundaries.items()):
            values = numbers[key].to_numpy()
            bucket = np.searchsorted(boundaries, values, side="right")
            bucket = np.where(np.isnan(values), features.MISSING_BUCKET, bucket)
            indices.append(bucket + place * (features.NUM_BUCKETS + 1))
        for key, texts in _texts(rows, numbers).items():
            codes = texts.map(self._codes[key]).fillna(self._rare[key])
            indices.append(codes.to_numpy())
        return np.column_stack(indices).astype(np.int32)


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns every number as float64, the derived ones included; missing is NaN."""
    numbers = rows.select_dtypes("number").astype(np.float64)
    clock_min = numbers["sched_arr_minute"] - numbers["sched_dep_minute"]
    minutes = clock_min - 60.0 * (numbers["dest_utc_offset_h"] + 5.0)
    months = numbers["month"] - 1.0
    return numbers.assign(
        block_min=(minutes + 120.0) % 1440.0 - 120.0,
        sched_dep_hour=numbers["sched_dep_minute"] // 60,
        day_of_year=months * (365.25 / 12) + numbers["day_of_month"],
    )


def _texts(rows: pd.DataFrame, numbers: pd.DataFrame) -> dict[str, pd.Series]:
    """Returns every category as integers that name its values, crosses included."""
    crossed = {key for pair in features.CROSS_FEATURE_KEYS for key in pair}
    single = {
        key: numbers[key].fillna(-1).astype(np.int64).astype(str)
        if key in numbers
        else rows[key].fillna("")
        for key in sorted({*features.VOCAB_FEATURE_KEYS, *crossed})
    }
    texts = {key: single[key] for key in features.VOCAB_FEATURE_KEYS}
    for left, right in features.CROSS_FEATURE_KEYS:
        name = features.cross_name((left, right))
        texts[name] = single[left] + "|" + single[right]
    return texts


def build_network(num_numbers: int, num_indices: int, table_size: int) -> keras.Model:
    """Returns the network of models/flights/model.py, on two matrices."""
    numbers = keras.Input((num_numbers,), dtype="float32")
    indices = keras.Input((num_indices,), dtype="int32")
    wide = ops.sum(layers.Embedding(table_size, 1)(indices), axis=1)
    embedded = layers.Flatten()(layers.Embedding(table_size, 4)(indices))
    hidden = layers.Concatenate()([numbers, embedded])
    for units in (64, 32):
        hidden = layers.Dropout(0.2)(layers.Dense(units, activation="relu")(hidden))
    logit = layers.Dense(1)(hidden) + layers.Dense(1)(numbers) + wide
    return keras.Model([numbers, indices], layers.Activation("sigmoid")(logit))


def fit(
    rows: Arrays, train: pd.DataFrame, table_size: int, config: PipelineConfig
) -> keras.Model:
    """Trains on all days but a few, which decide when to stop."""
    settings = config.train
    keras.utils.set_random_seed(config.seed)
    labels = train[features.LABEL_KEY].to_numpy(np.float32)
    day = (train["month"] * 100 + train["day_of_month"]).to_numpy()
    days = np.random.default_rng(config.seed).permutation(np.unique(day))
    aside = np.isin(day, days[: int(np.ceil(settings.holdout_fraction * len(days)))])
    model = build_network(rows[0].shape[1], rows[1].shape[1], table_size)
    steps = settings.max_epochs * -(-int((~aside).sum()) // settings.batch_size)
    model.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps),
            weight_decay=settings.hyperparameters["weight_decay"],
        ),
        loss="binary_crossentropy",
        metrics=[keras.metrics.AUC(name="auc")],
    )
    model.fit(
        [part[~aside] for part in rows],
        labels[~aside],
        validation_data=([part[aside] for part in rows], labels[aside]),
        validation_batch_size=PREDICT_BATCH_ROWS,
        batch_size=settings.batch_size,
        epochs=settings.max_epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(
                monitor="val_auc",
                mode="max",
                patience=settings.patience_epochs,
                restore_best_weights=True,
            )
        ],
    )
    return model


if __name__ == "__main__":
    sys.exit(main())
