"""ColumnarStatisticsGen: TFDV's statistics of every split, read a batch at a time."""

import json
from pathlib import Path

import apache_beam as beam
import tensorflow_data_validation as tfdv
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, ExampleStatistics

from components.columnar_examples.batch_source import BatchedExamples
from components.columnar_examples.split_files import list_split_files

STATISTICS_FILE = "FeatureStats.pb"


@component(use_beam=True)
def ColumnarStatisticsGen(
    examples: InputArtifact[Examples],
    statistics: OutputArtifact[ExampleStatistics],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Computes what TFX's StatisticsGen computes, with TFDV's own transform.

    Args:
        examples: Gzipped TFRecords of tf.Examples.
        statistics: {uri}/Split-{split}/FeatureStats.pb, a binary
            DatasetFeatureStatisticsList, for each split of the examples.
        beam_pipeline: Set by TFX.

    Raises:
        FileNotFoundError: A split has no file.

    Example:
        ColumnarStatisticsGen(examples=example_gen.outputs["examples"])

    Source:
        tfx/components/statistics_gen/executor.py, for the files' layout.
    """
    splits = json.loads(examples.split_names)
    statistics.split_names = examples.split_names
    with beam_pipeline as pipeline:
        for split in splits:
            folder = Path(statistics.uri) / f"Split-{split}"
            folder.mkdir(parents=True)
            _ = (
                pipeline
                | f"Read[{split}]"
                >> BatchedExamples(list_split_files(examples.uri, split)).BeamSource()
                | f"Describe[{split}]" >> tfdv.GenerateStatistics(tfdv.StatsOptions())
                | f"Write[{split}]"
                >> tfdv.WriteStatisticsToBinaryFile(str(folder / STATISTICS_FILE))
            )
