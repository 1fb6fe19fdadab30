"""Scores one part: reads its rows in batches, checks them, asks the model, writes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from serving.batch_scoring import csv_files, parquet_files, tfrecord_files
from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.input_batch import BadRow, InputBatch
from serving.batch_scoring.input_files import FileFormat
from serving.batch_scoring.part_files import PartResult, PartWriter
from serving.batch_scoring.plan import Part
from serving.batch_scoring.read_ahead import read_ahead
from serving.batch_scoring.row_checks import CheckedBatch, RowChecker
from serving.input_statistics import (
    CategoryCounts,
    TrainingFeature,
    count_unknown,
    merge_counts,
)
from serving.session_model import NAMED_SIGNATURE, ModelRefusedError, SessionModel

PREDICTION, PROBABILITY, LABEL = "prediction", "probability", "label"
MODEL_VERSION, BUNDLE_DIGEST = "model_version", "bundle_digest"
SCORE_COLUMNS = (PREDICTION, PROBABILITY, LABEL, MODEL_VERSION, BUNDLE_DIGEST)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreJob:
    """What every worker needs to know; small, and can be pickled.

    Attributes:
        bundle: The bundle's folder, reachable from every worker.
        output: The output folder, likewise.
        output_format: "parquet" or "csv".
        is_strict: Whether a bad row ends the scoring; else it is put aside.
        checker: The bundle's rules and the columns to copy.
        classes: Labels, in the order of `prediction`.
        version: The model's.
        digest: The bundle's.
    """

    bundle: str
    output: str
    output_format: str
    is_strict: bool
    checker: RowChecker
    classes: tuple[str, ...]
    version: int
    digest: str

    @property
    def schema(self) -> Any:
        """The pyarrow schema of the output."""
        return pa.schema(
            [
                *self.checker.copied,
                (PREDICTION, pa.int64()),
                (PROBABILITY, pa.float32()),
                (LABEL, pa.string()),
                (MODEL_VERSION, pa.int64()),
                (BUNDLE_DIGEST, pa.string()),
            ]
        )


def read_part(part: Part, columns: Mapping[str, Any]) -> Iterator[InputBatch]:
    """Reads a part's rows.

    Args:
        part: Which rows.
        columns: Column to its pyarrow type as a TFRecord has it; other formats know
            their own.

    Raises:
        InputRefusedError: The file has changed since the plan, or is damaged.
    """
    source, path = part.source, Path(part.source.file.path)
    source.require_unchanged()
    if source.file.format is FileFormat.CSV:
        batches = csv_files.read_batches(path, part.slice, list(columns))
    elif source.file.format is FileFormat.PARQUET:
        batches = parquet_files.read_batches(path, part.slice, list(columns))
    else:
        batches = tfrecord_files.read_batches(path, columns)
    num_rows = 0
    for batch in batches:
        num_rows += len(batch.rows) + len(batch.rejected)
        yield batch
    source.require_unchanged()
    if part.slice.num_rows not in (None, num_rows):
        raise InputRefusedError(
            f"{path}: {num_rows} rows were read from row {part.slice.first_row} on; "
            f"the plan has {part.slice.num_rows}. Write the file again with another "
            "library."
        )


def count_part(
    part: Part, training: Mapping[str, TrainingFeature]
) -> dict[str, CategoryCounts]:
    """Counts the unknown values of a part; reads the columns of these features only.

    Args:
        part: Which rows.
        training: Features with known categories, and no others.
    """
    columns = dict.fromkeys(training, pa.binary())
    counts: dict[str, CategoryCounts] = {}
    for batch in read_part(part, columns):
        values = {name: _value_counts(batch.columns[name]) for name in batch.columns}
        counts = merge_counts([counts, count_unknown(values, training)])
    return counts


def _value_counts(column: Any) -> dict[str, int]:
    counts: Counter[str] = Counter()
    if pa.types.is_null(column.type):
        return counts
    for entry in column.value_counts():
        value = entry["values"]
        if value.is_valid:
            counts[_text(value)] += entry["counts"].as_py()
    return counts


def _text(value: Any) -> str:
    raw = value.cast(pa.binary()).as_py() if hasattr(value, "cast") else value.as_py()
    return str(raw.decode("utf-8", "backslashreplace"))


@dataclass(kw_only=True)
class _Tally:
    """Adds up what PartResult tells."""

    num_rows: int = 0
    num_scored: int = 0
    num_read: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    def add(self, batch: CheckedBatch) -> None:
        self.num_rows += batch.num_rows
        self.num_read += batch.num_read
        self.missing.update(batch.num_missing)
        self.quarantined.update(bad.reason.value for bad in batch.bad)


def score_part(job: ScoreJob, part: Part, model: SessionModel) -> PartResult:
    """Scores a part and commits it.

    Args:
        job: What to do.
        part: Which rows.
        model: The bundle's model, loaded.

    Raises:
        InputRefusedError: A row is bad and the job is strict, or as read_part does.
            Nothing of the part is left.
        ModelRefusedError: The model's answer is no answer to these rows.
    """
    tally = _Tally()
    columns = _column_types(job.checker)
    checked = map(job.checker.check, read_part(part, columns))
    output = Path(job.output)
    with (
        PartWriter(output, part.name, job.schema, job.output_format) as writer,
        closing(read_ahead(checked)) as batches,  # type: ignore[type-var]
    ):
        for batch in batches:
            tally.add(batch)
            if batch.bad and job.is_strict:
                raise _refusal(part.source.file.path, batch.bad[0])
            writer.put_aside(part.source.file.path, batch.bad)
            if next(iter(batch.inputs.values())).size:
                rows = _score(job, batch, model, tally)
                writer.write(rows)
        return writer.commit(
            num_rows=tally.num_rows,
            num_scored=tally.num_scored,
            num_read=tally.num_read,
            quarantined=dict(sorted(tally.quarantined.items())),
            labels={label: tally.labels[label] for label in job.classes},
            missing=dict(tally.missing),
        )


def _column_types(checker: RowChecker) -> dict[str, Any]:
    """Returns the types as a TFRecord has them."""
    types = {name: _record_type(kind) for name, kind in checker.copied}
    for rule in checker.rules:
        number = pa.int64() if rule.is_whole else pa.float32()
        types[rule.name] = pa.binary() if rule.is_text else number
    return {name: types[name] for name in checker.columns}


def _record_type(kind: Any) -> Any:
    return pa.binary() if pa.types.is_string(kind) else kind


def _score(
    job: ScoreJob, batch: CheckedBatch, model: SessionModel, tally: _Tally
) -> Any:
    answer = model.call(NAMED_SIGNATURE, batch.inputs)
    probability = np.asarray(answer[PROBABILITY], dtype=np.float32)
    count = len(next(iter(batch.inputs.values())))
    if probability.size != count:
        raise ModelRefusedError(
            f"output {PROBABILITY!r} has shape {probability.shape} for {count} rows; "
            "expected one number a row."
        )
    labels = pa.array(answer[LABEL].reshape(-1), type=pa.binary()).cast(pa.string())
    classes = pa.array(job.classes, type=pa.string())
    prediction = pc.index_in(labels, value_set=classes)
    if prediction.null_count:
        raise ModelRefusedError(
            f"output {LABEL!r} holds a value that is none of {', '.join(job.classes)}."
        )
    tally.num_scored += count
    for entry in labels.value_counts():
        tally.labels[entry["values"].as_py()] += entry["counts"].as_py()
    columns = [
        *batch.copied.values(),
        prediction.cast(pa.int64()),
        pa.array(probability.reshape(-1)),
        labels,
        pa.repeat(pa.scalar(job.version, pa.int64()), count),
        pa.repeat(pa.scalar(job.digest), count),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=job.schema)


def _refusal(path: str, bad: BadRow) -> InputRefusedError:
    where = f"{path}: row {bad.row}"
    what = f", column {bad.field!r}" if bad.field else ""
    came = "missing" if bad.value is None else repr(bad.value)
    return InputRefusedError(
        f"{where}{what}: {bad.reason.value.replace('_', ' ')}: {came}; expected "
        f"{bad.expected}. Correct it, or put such rows aside with --on-bad-rows "
        "quarantine --overwrite."
    )
