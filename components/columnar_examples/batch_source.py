"""Reads TFRecords of tf.Examples a batch at a time.

TFX's own source hands Beam one record at a time: reading, checking and batching 327,346
rows in Python takes longer than all that is computed from them. This one reads a file
in C++ and gives Arrow record batches. They have a fixed number of rows, where Beam's
are tuned by the clock: the same files give the same batches, and so the same sums to
the last bit.
"""

from collections.abc import Iterator

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig
from tfx_bsl.tfxio.tf_example_record import TFExampleBeamRecord

BATCH_ROWS = 16384


def read_batches(
    path: str, schema: bytes | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of one gzipped TFRecord, in file order.

    Args:
        path: A gzipped TFRecord of tf.Examples.
        schema: A serialized TFMD schema: columns to decode; None: all.
        batch_rows: Rows a batch; the last one may be shorter.
    """
    import tensorflow as tf

    decoder = ExamplesToRecordBatchDecoder(schema)
    records = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(batch_rows)
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
