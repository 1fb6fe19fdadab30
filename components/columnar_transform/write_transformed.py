"""Writes transformed record batches as gzipped TFRecords, a file a bundle.

A file is named after its rows' values, so that a retried bundle replaces its own file
and the same rows give the same names, hence the same order of files, on every run. Not
after their bytes: a serialized tf.Example holds its features in any order.
"""

import hashlib
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.columnar_examples.shard_writer import ShardWriter


class WriteTransformed(beam.DoFn):
    """Encodes batches and writes them; yields the number of rows of each file."""

    def __init__(self, folder: Path) -> None:
        """Names the split's folder."""
        super().__init__()
        self._folder = folder
        self._shard: ShardWriter | None = None

    def start_bundle(self) -> None:
        """Forgets the last bundle."""
        self._shard = None
        self._digest = hashlib.sha256()
        self._num_rows = 0

    def process(
        self, transformed: tuple[pa.RecordBatch, Any], schema: schema_pb2.Schema
    ) -> None:
        """Encodes one batch.

        Args:
            transformed: The batch and TFT's passed-through features, of which there
                are none.
            schema: Of the transformed features; it says which are dense.
        """
        batch, _ = transformed
        rows = RecordBatchToExamplesEncoder(schema).encode(batch)
        if self._shard is None:
            self._shard = ShardWriter(self._folder / "writing.gz")
        self._shard.write(rows)
        self._num_rows += len(rows)
        update_digest(self._digest, batch)

    def finish_bundle(self) -> None:
        """Puts the bundle's file in its place."""
        if self._shard is not None:
            name = f"transformed-{self._digest.hexdigest()[:32]}.gz"
            self._shard.finish(self._folder / name)
            self._shard = None


def update_digest(digest: Any, batch: pa.RecordBatch) -> None:
    """Adds a batch's values, column by column in order of their names, to a hash."""
    for name in sorted(batch.schema.names):
        values = batch.column(name).flatten()
        digest.update(name.encode())
        if pa.types.is_primitive(values.type) and not values.null_count:
            digest.update(values.to_numpy(zero_copy_only=False).tobytes())
        else:
            digest.update(repr(values.to_pylist()).encode())
