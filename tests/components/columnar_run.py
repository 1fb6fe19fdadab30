"""Runs the columnar components on real flights; also as a process of its own.

    python -m tests.components.columnar_run EXAMPLES OUT [BEAM ARGUMENT...]

A process of its own can fork workers: in the tests' process TensorFlow runs already.
"""

import json
import sys
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from tfx.types.standard_artifacts import (
    Examples,
    ExampleStatistics,
    Schema,
    TransformGraph,
)

from components.columnar_examples.encode import encode_batch
from components.columnar_examples.tfrecord import ShardFile
from components.columnar_statistics_gen.component import ColumnarStatisticsGen
from components.columnar_transform.component import ColumnarTransform
from data.flights.source import load_table, slice_evenly

RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
SCHEMA_FILE = Path("data/flights/schema.pbtxt")
NUM_ROWS = 2400


def write_examples(folder):
    """Three files of 800 flights and an empty one in train, one of 800 in eval."""
    table = slice_evenly(load_table(), NUM_ROWS + 800)
    names = [("train", 0), ("train", 1), ("train", 2), ("eval", 3)]
    for split, index in names:
        part = table.slice(index * 800, 800).combine_chunks().to_batches()[0]
        with ShardFile(folder / f"Split-{split}" / f"data-{index:05d}.gz") as shard:
            shard.write(encode_batch(part))
    with ShardFile(folder / "Split-train" / "data-00009.gz"):
        pass
    return folder


def run(component, beam_args, **arguments):
    function = component.EXECUTOR_SPEC.executor_class._FUNCTION
    pipeline = beam.Pipeline(options=PipelineOptions([RUNNER, *beam_args]))
    function(**arguments, beam_pipeline=pipeline)


def artifact(kind, uri):
    made = kind()
    made.uri = str(uri)
    return made


def run_both(examples_folder, out, beam_args=()):
    """Writes {out}/statistics, {out}/graph and {out}/transformed."""
    examples = artifact(Examples, examples_folder)
    examples.split_names = json.dumps(["train", "eval"])
    schema_folder = out / "schema"
    schema_folder.mkdir(parents=True)
    (schema_folder / "schema.pbtxt").write_bytes(SCHEMA_FILE.read_bytes())
    run(
        ColumnarStatisticsGen,
        beam_args,
        examples=examples,
        statistics=artifact(ExampleStatistics, out / "statistics"),
    )
    run(
        ColumnarTransform,
        beam_args,
        examples=examples,
        schema=artifact(Schema, schema_folder),
        transform_graph=artifact(TransformGraph, out / "graph"),
        transformed_examples=artifact(Examples, out / "transformed"),
        preprocessing_fn="models.flights.preprocessing.preprocessing_fn",
    )


if __name__ == "__main__":
    run_both(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
