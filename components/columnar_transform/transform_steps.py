"""The two steps of TensorFlow Transform, on batched sources."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow_transform.beam as tft_beam

from components.columnar_examples.batch_source import BatchedExamples
from components.columnar_transform.write_transformed import WriteTransformed


def learn(
    pipeline: beam.Pipeline, rows: BatchedExamples, preprocessing_fn: Callable[..., Any]
) -> Any:
    """Runs the analyzers over the rows; returns TFT's transform_fn, not yet written."""
    batches = pipeline | "ReadToLearn" >> rows.BeamSource()
    return (batches, rows.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(
        preprocessing_fn
    )


def transform_split(
    pipeline: beam.Pipeline, rows: BatchedExamples, transform_fn: Any, folder: Path
) -> None:
    """Applies a transform_fn to one split and writes it.

    Args:
        pipeline: The pipeline of the transform_fn.
        rows: The split's raw rows.
        transform_fn: From learn.
        folder: The split's folder; its name makes the steps' names unique.
    """
    name = folder.name
    batches = pipeline | f"Read[{name}]" >> rows.BeamSource()
    transformed, metadata = (
        (batches, rows.TensorAdapterConfig()),
        transform_fn,
    ) | f"Transform[{name}]" >> tft_beam.TransformDataset(output_record_batches=True)
    _ = transformed | f"Write[{name}]" >> beam.ParDo(
        WriteTransformed(folder), metadata.schema
    )
