"""The steps of TensorFlow Transform: rows are learned from and transformed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2

from components.columnar_examples.batch_source import (
    read_batches,
    tensor_adapter_config,
)
from components.columnar_transform.transform_file import (
    LearnedTransform,
    transform_file,
)
from components.file_workers.map_files import MapFiles


def learn(
    pipeline: beam.Pipeline,
    files: Sequence[str],
    schema: schema_pb2.Schema,
    preprocessing_fn: Callable[..., Any],
) -> Any:
    """Reads the files and runs the analyzers over their rows.

    Args:
        pipeline: Gets the steps.
        files: The analyzed split.
        schema: Of its features.
        preprocessing_fn: What to learn.

    Returns:
        TFT's transform_fn, not yet written.
    """
    serialized = schema.SerializeToString()
    batches = (
        pipeline
        | "FilesToLearn" >> beam.Create(list(files))
        | "SpreadFilesToLearn" >> beam.Reshuffle()
        | "ReadToLearn"
        >> beam.FlatMap(read_batches, serialized).with_output_types(pa.RecordBatch)
    )
    return (batches, tensor_adapter_config(schema)) | tft_beam.AnalyzeDataset(
        preprocessing_fn
    )


def transform_split(
    pipeline: beam.Pipeline,
    files: Sequence[str],
    learned: LearnedTransform,
    is_written: beam.PCollection,
    folder: Path,
) -> None:
    """Applies what was learned to one split and writes it, file by file.

    Args:
        pipeline: The pipeline that learns.
        files: The split's Examples.
        learned: What to apply.
        is_written: Becomes ready when the transform_fn is in its folder.
        folder: The split's folder; its name makes the steps' names unique.
    """
    name = folder.name
    _ = (
        pipeline
        | f"Files[{name}]" >> beam.Create(list(files))
        | f"SpreadFiles[{name}]" >> beam.Reshuffle()
        | f"Transform[{name}]"
        >> beam.ParDo(
            MapFiles(transform_file, learned, str(folder)),
            beam.pvalue.AsIter(is_written),
        )
    )
