"""Reads TFRecords of tf.Examples a batch at a time.

TFX's own source hands Beam one record at a time: reading, checking and batching 327,346
rows in Python takes longer than all that is computed from them. This one reads a file
in C++ and gives Arrow record batches. They have a fixed number of rows, where Beam's
are tuned by the clock: the same files give the same batches, and so the same sums to
the last bit.
"""

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig
from tfx_bsl.tfxio.tf_example_record import TFExampleBeamRecord

from components.columnar_examples.example_columns import decoded_batches
from data.column_file import BATCH_ROWS


def read_batches(path: str, schema: bytes | None = None) -> Iterator[pa.RecordBatch]:
    """Yields the rows of one Examples file, in order, BATCH_ROWS at a time.

    From its column file if it has one: the batches are the same.

    Args:
        path: A gzipped TFRecord of tf.Examples.
        schema: A serialized TFMD schema: columns to decode; None: all.
    """
    batches = decoded_batches(path, schema)
    yield from parsed_batches(path, schema) if batches is None else batches


def read_examples(
    path: str, num_rows: int, names: Collection[str]
) -> Iterator[tuple[Any, pa.RecordBatch]]:
    """Yields rows as they are and as columns, in order.

    Args:
        path: A gzipped TFRecord of tf.Examples.
        num_rows: Rows at once, a divisor of BATCH_ROWS; the last batch may be shorter.
        names: Columns to give, at least; those that no row has may be absent.

    Yields:
        string tensor [rows]: serialized tf.Examples; and their columns.
    """
    import tensorflow as tf

    records = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(num_rows)
    serialized = iter(records.prefetch(2))
    batches = decoded_batches(path, names=names)
    if batches is None:
        decoder = ExamplesToRecordBatchDecoder()
        for rows in serialized:
            yield rows, decoder.DecodeBatch(rows.numpy().tolist())
        return
    for batch in batches:
        for start in range(0, batch.num_rows, num_rows):
            yield next(serialized), batch.slice(start, num_rows)


def parsed_batches(path: str, schema: bytes | None = None) -> Iterator[pa.RecordBatch]:
    """Yields the same, parsed from the Examples."""
    import tensorflow as tf

    decoder = ExamplesToRecordBatchDecoder(schema)
    records = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(BATCH_ROWS)
    for batch in records.as_numpy_iterator():
        yield decoder.DecodeBatch(batch.tolist())


def tensor_adapter_config(schema: schema_pb2.Schema) -> TensorAdapterConfig:
    """Says how the columns of `read_batches` with this schema become tensors."""
    # Of the TFXIOs the one without files: what it says follows from the schema.
    source = TFExampleBeamRecord(
        physical_format="tfrecords_gzip",
        schema=schema,
        telemetry_descriptors=["slipway"],
    )
    return source.TensorAdapterConfig()
