"""Raw rows decoded once: Transform reads training rows to learn and to apply.

    {folder}/{name of the Examples file}.arrow    Arrow IPC file, a batch of rows each

A decoded row of flights takes about 300 bytes of disk, until the component is done.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from components.columnar_examples.batch_source import read_batches

_SUFFIX = ".arrow"


def decoded_path(path: str, folder: str) -> str:
    """Returns where `decode_file` puts the rows of an Examples file."""
    return str(Path(folder) / f"{Path(path).name}{_SUFFIX}")


def decode_file(path: str, schema: bytes, folder: str) -> str:
    """Decodes a gzipped TFRecord of tf.Examples into an Arrow file; returns its path.

    Args:
        path: The Examples.
        schema: A serialized TFMD schema: the columns.
        folder: Is made if it is not there. The file appears in it whole or not at all;
            without rows it is empty.
    """
    target = Path(decoded_path(path, folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    with beside.open("wb") as sink:
        writer = None
        for batch in read_batches(path, schema):
            writer = writer or pa.ipc.new_file(sink, batch.schema)
            writer.write_batch(batch)
        if writer is not None:
            writer.close()
    beside.rename(target)
    return str(target)


def read_raw(path: str, schema: bytes) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a decoded file, or of Examples, which it decodes; in order."""
    if not path.endswith(_SUFFIX):
        yield from read_batches(path, schema)
    elif Path(path).stat().st_size:
        with pa.ipc.open_file(path) as reader:
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
