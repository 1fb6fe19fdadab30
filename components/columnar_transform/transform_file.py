"""Applies a learned transform_fn to one file of raw rows and writes the file it gives.

    {folder}/transformed-{name of the Examples file}.gz    gzipped TFRecord
    {folder}/../columns/…                                  see data/column_file.py

One file in, one file out: a repeated attempt replaces its own file, and the rows of a
split, its files in order of name, are in the order in which they came.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import TFTransformOutput, impl_helper

# tft itself names only the Keras layer, which takes no record batches; TFT's own Beam
# step applies the graph with this loader, too.
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter

from components.columnar_examples.batch_source import (
    read_batches,
    tensor_adapter_config,
)
from components.columnar_examples.encode import encode_numbers
from components.columnar_examples.tfrecord import ShardFile

_Transformed = tuple[pa.BinaryArray, Mapping[str, pa.Array] | None]
"""Serialized tf.Examples, and the same as columns if each is one number a row."""

_STEP_ROWS = 4096
"""Rows transformed at once: four times as many took 250 MB more in each process."""


@dataclass(frozen=True)
class LearnedTransform:
    """What is applied.

    Attributes:
        graph_folder: Of a TransformGraph artifact, complete.
        schema: The serialized TFMD schema of the raw features.
    """

    graph_folder: str
    schema: bytes


def transform_file(path: str, learned: LearnedTransform, folder: str) -> int:
    """Writes the transformed rows of one file and returns their number.

    Args:
        path: Raw tf.Examples.
        learned: What to apply.
        folder: Of the transformed split. A file without rows gives none.
    """
    transform = _load(learned)
    name = Path(path).name.split(".")[0]
    batches = read_batches(path, learned.schema)
    first = next(batches, None)
    if first is None:
        return 0
    num_rows = 0
    with ShardFile(Path(folder) / f"transformed-{name}.gz") as shard:
        for batch in chain([first], batches):
            for start in range(0, batch.num_rows, _STEP_ROWS):
                rows, columns = transform(batch.slice(start, _STEP_ROWS))
                shard.write(rows, columns)
                num_rows += len(rows)
            # Arrow would keep what it has for as long as the process lives.
            pa.default_memory_pool().release_unused()
    return num_rows


@lru_cache(maxsize=1)
def _load(learned: LearnedTransform) -> Callable[[pa.RecordBatch], _Transformed]:
    """Returns a function from raw rows to transformed ones.

    Loading the graph takes about a second, so each process does it once.
    """
    output = TFTransformOutput(learned.graph_folder)
    raw = schema_pb2.Schema.FromString(learned.schema)
    adapter = TensorAdapter(tensor_adapter_config(raw))
    loader = SavedModelLoader(output.transform_savedmodel_dir)
    loader.finalize(adapter.TypeSpecs().keys(), loader.structured_outputs.keys())
    transformed = output.transformed_metadata.schema
    converter = impl_helper.make_tensor_to_arrow_converter(transformed)
    encoder = RecordBatchToExamplesEncoder(transformed)

    def transform(batch: pa.RecordBatch) -> _Transformed:
        tensors = loader.apply_transform_model(adapter.ToBatchTensors(batch))
        transformed_batch = converter.convert(tensors)
        numbers = _numbers(transformed_batch)
        if numbers is None:
            return pa.array(encoder.encode(transformed_batch), pa.binary()), None
        return encode_numbers(numbers, transformed_batch.num_rows), numbers

    return transform


def _numbers(batch: pa.RecordBatch) -> dict[str, pa.Array] | None:
    """Returns each column's values if all are one number a row; else None.

    tfx_bsl's encoder takes all kinds of columns, but orders their features anew in
    every call: the same rows are other bytes then.
    """
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = column.flatten()
        if values.type not in (pa.int64(), pa.float32()) or values.null_count:
            return None
        if len(values) != len(column) or not _is_one_each(column):
            return None
        columns[name] = values
    return columns


def _is_one_each(column: pa.Array) -> bool:
    return bool(pc.all(pc.equal(pc.list_value_length(column), 1)).as_py())
