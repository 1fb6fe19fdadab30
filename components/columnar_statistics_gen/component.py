"""ColumnarStatisticsGen: TFDV's statistics of every split, summed up file by file."""

import json
import shutil
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

from components.columnar_examples.split_files import list_split_files
from components.columnar_statistics_gen.describe_file import describe_file
from components.columnar_statistics_gen.merge_summaries import merge_summaries
from components.file_workers.forked_workers import forked_workers
from components.file_workers.map_files import MapFiles

STATISTICS_FILE = "FeatureStats.pb"


@component(use_beam=True)
def ColumnarStatisticsGen(
    examples: InputArtifact[Examples],
    statistics: OutputArtifact[ExampleStatistics],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Computes what TFX's StatisticsGen computes.

    A file at a time, in as many processes as the pipeline's --file_workers says; the
    statistics do not depend on their number.

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
    temporary = Path(statistics.uri) / ".temporary"
    statistics.split_names = examples.split_names
    with forked_workers(beam_pipeline.options), beam_pipeline as pipeline:
        for split in splits:
            folder = Path(statistics.uri) / f"Split-{split}"
            folder.mkdir(parents=True)
            _ = (
                pipeline
                | f"Files[{split}]"
                >> beam.Create(list_split_files(examples.uri, split))
                | f"SpreadFiles[{split}]" >> beam.Reshuffle()
                | f"Describe[{split}]"
                >> beam.ParDo(MapFiles(describe_file, str(temporary)))
                | f"Collect[{split}]" >> beam.combiners.ToList()
                | f"Merge[{split}]" >> beam.Map(merge_summaries)
                | f"Write[{split}]"
                >> tfdv.WriteStatisticsToBinaryFile(str(folder / STATISTICS_FILE))
            )
    shutil.rmtree(temporary, ignore_errors=True)
