"""ColumnarTransform: learns the preprocessing and applies it, a batch at a time."""

import importlib
import json
import shutil
from pathlib import Path

import apache_beam as beam
import tensorflow_transform.beam as tft_beam
from tensorflow_transform import TFTransformOutput
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io
from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component

# v1 lacks example_gen_pb2's names for payloads.
from tfx.proto import example_gen_pb2
from tfx.types.standard_artifacts import Examples, Schema, TransformGraph

from components.columnar_examples.split_files import list_split_files
from components.columnar_transform.transform_file import LearnedTransform
from components.columnar_transform.transform_steps import learn, transform_split
from components.file_workers.forked_workers import forked_workers
from components.schema_curator.schema_file import load_schema

ANALYZED_SPLIT = "train"


@component(use_beam=True)
def ColumnarTransform(
    examples: InputArtifact[Examples],
    schema: InputArtifact[Schema],
    transform_graph: OutputArtifact[TransformGraph],
    transformed_examples: OutputArtifact[Examples],
    preprocessing_fn: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Learns from split "train", applies to every split.

    Files are transformed in as many processes as the pipeline's --file_workers says;
    the results do not depend on their number.

    Args:
        examples: Gzipped TFRecords of raw tf.Examples.
        schema: Of the raw features.
        transform_graph: As TFX's Transform writes it: {uri}/transform_fn,
            transformed_metadata and metadata (of the raw features).
        transformed_examples: The same splits, transformed.
        preprocessing_fn: Dotted path of the TFT function.
        beam_pipeline: Set by TFX.

    Raises:
        FileNotFoundError: A split has no file.
        ImportError, AttributeError: There is no such function.

    Example:
        ColumnarTransform(
            examples=example_gen.outputs["examples"],
            schema=schema_curator.outputs["schema"],
            preprocessing_fn="models.flights.preprocessing.preprocessing_fn",
        )

    Source:
        tfx/components/transform/executor.py, for the artifacts' layout.
    """
    module, _, name = preprocessing_fn.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    raw_schema = load_schema(schema.uri)
    graph_folder = Path(transform_graph.uri)
    temporary = graph_folder / ".temporary"
    metadata_io.write_metadata(
        dataset_metadata.DatasetMetadata(raw_schema),
        str(graph_folder / TFTransformOutput.RAW_METADATA_DIR),
    )
    learned = LearnedTransform(str(graph_folder), raw_schema.SerializeToString())
    train_files = list_split_files(examples.uri, ANALYZED_SPLIT)
    with (
        forked_workers(beam_pipeline.options),
        beam_pipeline as pipeline,
        tft_beam.Context(temp_dir=str(temporary)),
    ):
        transform_fn = learn(pipeline, train_files, raw_schema, function)
        is_written = transform_fn | tft_beam.WriteTransformFn(str(graph_folder))
        for split in json.loads(examples.split_names):
            files = list_split_files(examples.uri, split)
            folder = Path(transformed_examples.uri) / f"Split-{split}"
            transform_split(pipeline, files, learned, is_written, folder)
    shutil.rmtree(temporary, ignore_errors=True)
    transformed_examples.split_names = examples.split_names
    examples_utils.set_payload_format(
        transformed_examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
    examples_utils.set_file_format(transformed_examples, "tfrecords_gzip")
