"""ColumnarExampleGen: spans of Parquet or CSV files become Examples, split by time."""

import json
from pathlib import Path

import apache_beam as beam

# v1 lacks the constants below: they mark an Examples artifact as gzipped TFRecords
# of tf.Example for TFX's own readers.
from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.proto import example_gen_pb2
from tfx.types.standard_artifacts import Examples

from components.columnar_example_gen.source_files import check_columns, labelled_times
from components.columnar_example_gen.split_plan import SPLITS, plan_split
from components.columnar_example_gen.write_examples import (
    ExampleWriter,
    list_source_files,
    read_counts,
    write_examples,
)
from data.spans import DataContractError, load_manifest, verify_span


@component(use_beam=True)
def ColumnarExampleGen(
    examples: OutputArtifact[Examples],
    input_base: Parameter[str],
    spans: Parameter[str],
    data_digest: Parameter[str],  # noqa: ARG001 - read by the cache's key
    key: Parameter[str],
    event_time: Parameter[str],
    label: Parameter[str],
    split: Parameter[str],
    csv_kinds: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Encodes labelled rows of a range of spans as tf.Examples.

    Args:
        examples: Splits "train" and "eval" as gzipped TFRecords, and
            {uri}/row_counts.json. Custom properties: `rows`, `unlabelled`,
            `train_rows`, `eval_rows` (int) and `spans` (text, as given).
        input_base: Folder of `span-{SPAN}/` folders; files are checked against
            their manifest before they are read.
        spans: JSON list of span numbers.
        data_digest: SHA-256 over the spans' contents. Part of the cache's key, so
            that a changed file is seen and a touched one is not.
        key: Column that names a row.
        event_time: Column with timestamps or seconds since the epoch.
        label: Column without which a row is counted and left out.
        split: JSON of `by`, `eval_spans`, `eval_fraction`.
        csv_kinds: JSON of column to "int", "float" or "bytes" for CSV files.
        beam_pipeline: Set by TFX.

    Raises:
        DataContractError: A span is missing or changed, files disagree on a type,
            or the split would leave one side empty.

    Example:
        ColumnarExampleGen(
            input_base="var/flights/spans", spans="[1, 2, 3]", data_digest="…",
            key="flight_id", event_time="event_time", label="is_late",
            split='{"by": "time", "eval_spans": 1, "eval_fraction": null}',
            csv_kinds="{}",
        )
    """
    names_by_span = {}
    for span in json.loads(spans):
        verify_span(Path(input_base), span)
        manifest = load_manifest(Path(input_base), span)
        names_by_span[span] = [file.name for file in manifest.files]
    files = list(list_source_files(input_base, names_by_span, json.loads(csv_kinds)))
    check_columns(files, [key, event_time, label])
    settings = json.loads(split)
    times = labelled_times(files, event_time, label) if settings["by"] == "time" else {}
    writer = ExampleWriter(
        output_uri=examples.uri,
        plan=plan_split(settings, key=key, event_time=event_time, times_by_span=times),
        event_time=event_time,
        label=label,
        num_shards=len(files),
    )
    with beam_pipeline as pipeline:
        write_examples(pipeline, files, writer)
    describe(examples, spans)


def describe(examples: Examples, spans: str) -> None:
    """Marks the artifact for its readers and refuses an empty split."""
    counts = read_counts(examples.uri)
    for split in SPLITS:
        if not getattr(counts, split):
            raise DataContractError(
                f"the {split} split is empty: {counts.rows:,} rows read, "
                f"{counts.unlabelled:,} of them without a label. Read more spans or "
                "change data.split."
            )
    examples.split_names = json.dumps(list(SPLITS))
    examples_utils.set_payload_format(
        examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
    examples_utils.set_file_format(examples, "tfrecords_gzip")
    examples.set_string_custom_property("spans", spans)
    examples.set_int_custom_property("rows", counts.rows)
    examples.set_int_custom_property("unlabelled", counts.unlabelled)
    examples.set_int_custom_property("train_rows", counts.train)
    examples.set_int_custom_property("eval_rows", counts.eval)
