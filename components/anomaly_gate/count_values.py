"""Counts values outside a domain in the rows themselves, for exact numbers.

Called only for features that the statistics show to be outside without saying how
often, so a clean run reads no row.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.anomaly_gate.domains import (
    Domain,
    NumberDomain,
    TextDomain,
    number_text,
)
from components.anomaly_gate.outside_values import (
    EXACTLY,
    NOT_UTF8,
    OutsideValues,
    most_frequent,
)

BATCH_ROWS = 16_384

_SCHEMA_TYPES = {
    statistics_pb2.FeatureNameStatistics.STRING: schema_pb2.BYTES,
    statistics_pb2.FeatureNameStatistics.BYTES: schema_pb2.BYTES,
    statistics_pb2.FeatureNameStatistics.INT: schema_pb2.INT,
    statistics_pb2.FeatureNameStatistics.FLOAT: schema_pb2.FLOAT,
}


@dataclass(kw_only=True, slots=True)
class _Tally:
    """Running counts of one feature."""

    domain: Domain
    total: int = 0
    outside: Counter[str] = field(default_factory=Counter)

    def add(self, column: pa.Array) -> None:
        """Adds a list column of one batch of rows; null is a missing feature."""
        values = column.flatten()
        self.total += len(values)
        if isinstance(self.domain, TextDomain):
            self._add_texts(values, frozenset(self.domain.values))
        else:
            self._add_numbers(np.asarray(values), self.domain)

    def _add_texts(self, values: pa.Array, allowed: frozenset[str]) -> None:
        for pair in pc.value_counts(values).to_pylist():
            try:
                text = pair["values"].decode()
            except UnicodeDecodeError:
                self.outside[NOT_UTF8] += pair["counts"]
                continue
            if text not in allowed:
                self.outside[repr(text)] += pair["counts"]

    def _add_numbers(self, values: np.ndarray, domain: NumberDomain) -> None:
        is_nan = np.isnan(values)
        if not domain.allows_nan and is_nan.any():
            self.outside["NaN"] += int(is_nan.sum())
        is_outside = np.isinf(values) & (not domain.allows_inf)
        if domain.low is not None:
            is_outside |= values < domain.low
        if domain.high is not None:
            is_outside |= values > domain.high
        numbers, counts = np.unique(values[is_outside & ~is_nan], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self.outside[number_text(number)] += count


def count_outside(
    files: list[str],
    domains: Mapping[str, Domain],
    found: Mapping[str, OutsideValues],
    types: Mapping[str, int],
) -> dict[str, OutsideValues]:
    """Returns `found` with exact counts and examples.

    Args:
        files: Gzipped TFRecords of tf.Example: one split.
        domains: Feature to its domain.
        found: Feature to what the statistics tell.
        types: Feature to its statistics_pb2.FeatureNameStatistics.Type.

    Returns:
        Feature to exact numbers; a feature with nothing outside is left out.
    """
    tallies = {name: _Tally(domain=domains[name]) for name in found}
    schema = schema_pb2.Schema(
        feature=[
            schema_pb2.Feature(name=name, type=_SCHEMA_TYPES[types[name]])
            for name in found
        ]
    )
    for batch in _read_batches(files, schema):
        for name, tally in tallies.items():
            tally.add(batch.column(batch.schema.get_field_index(name)))
    return {
        name: replace(
            found[name],
            count=tally.outside.total(),
            total=tally.total,
            examples=most_frequent(tally.outside.items()),
            bound=EXACTLY,
        )
        for name, tally in tallies.items()
        if tally.outside
    }


def _read_batches(
    files: list[str], schema: schema_pb2.Schema
) -> Iterator[pa.RecordBatch]:
    """Yields the schema's columns only: C++ skips the others while it parses."""
    import tensorflow as tf
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    decoder = ExamplesToRecordBatchDecoder(schema.SerializeToString())
    records = tf.data.TFRecordDataset(sorted(files), compression_type="GZIP")
    for batch in records.batch(BATCH_ROWS).as_numpy_iterator():
        yield decoder.DecodeBatch(batch.tolist())
