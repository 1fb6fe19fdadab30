"""ColumnarExampleGen: spans of tables become Examples, split by time, hash or group."""

import dataclasses
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

from components.columnar_example_gen.bad_rows import BadRowRule
from components.columnar_example_gen.read_plan import (
    VerifiedSpans,
    check_files,
    event_times,
    verify_spans,
)
from components.columnar_example_gen.row_reader import (
    list_fragments,
    reader_from_settings,
)
from components.columnar_example_gen.split_plan import SPLITS, plan_split
from components.columnar_example_gen.write_examples import (
    ExampleWriter,
    RowCounts,
    read_counts,
    write_examples,
)
from components.file_workers.forked_workers import forked_workers
from data.spans import DataContractError, SpanLayout


@component(use_beam=True)
def ColumnarExampleGen(
    examples: OutputArtifact[Examples],
    input_base: Parameter[str],
    spans: Parameter[str],
    data_digest: Parameter[str],
    key: Parameter[str],
    event_time: Parameter[str],
    label: Parameter[str],
    split: Parameter[str],
    csv_kinds: Parameter[str],
    layout: Parameter[str] = "{}",
    reading: Parameter[str] = "{}",
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Encodes labelled rows of a range of spans as tf.Examples.

    Args:
        examples: Splits "train" and "eval" as gzipped TFRecords,
            {uri}/row_counts.json and, for rows set aside, {uri}/quarantine/. Custom
            properties: `rows`, `filtered`, `unlabelled`, `quarantined`, `train_rows`,
            `eval_rows` (int), `spans` (text, as given), `versions` (JSON of span to
            version), `content_digest` (SHA-256 over the bytes of all files read) and
            `span_records` (JSON list of span, digest, num_rows).
        input_base: Folder of the spans; files are checked against their manifest
            before they are read.
        spans: JSON list of span numbers.
        data_digest: SHA-256 over the spans' contents, which must be the content
            digest found. Part of the cache's key, so that a changed file is seen and
            a touched one is not. "": any content, for whoever starts the run without
            seeing the data; a cache must then not answer for this node.
        key: Column that names a row.
        event_time: Column with timestamps or seconds since the epoch.
        label: Column without which a row is counted and left out.
        split: JSON of `by`, `column`, `eval_spans`, `eval_fraction`.
        csv_kinds: JSON of column to "int", "float" or "bytes" for CSV files.
        layout: JSON of `pattern` and `versions`, see data/span_layout.py.
        reading: JSON of `format` (which every file must have), `columns`,
            `exclude_columns`, `where`, `on_bad_rows`, `max_bad_rows`,
            `max_bad_fraction`.
        beam_pipeline: Set by TFX.

    Raises:
        DataContractError: A span is missing or changed, files disagree on a type,
            the split would leave one side empty, or too many rows are bad.

    Example:
        ColumnarExampleGen(
            input_base="var/flights/spans", spans="[1, 2, 3]", data_digest="…",
            key="flight_id", event_time="event_time", label="is_late",
            split='{"by": "time", "eval_spans": 1, "eval_fraction": null}',
            csv_kinds="{}",
        )
    """
    # Forked first: a fork would lack the threads that Arrow starts with the first file.
    with forked_workers(beam_pipeline.options):
        verified = verify_spans(
            Path(input_base),
            json.loads(spans),
            SpanLayout.from_settings(json.loads(layout)),
            json.loads(csv_kinds),
        )
        if data_digest:
            require_unchanged(verified, data_digest)
        settings = json.loads(split)
        needed = [key, event_time, label]
        if settings["by"] == "group":
            needed.append(settings["column"])
        reader = reader_from_settings(
            json.loads(reading),
            label=label,
            required=[name for name in needed if name != label],
        )
        check_files(verified.files, reader, needed, json.loads(reading).get("format"))
        fragments = list_fragments(verified.files)
        times = event_times(fragments, reader, event_time, settings, verified.times)
        rule = BadRowRule.from_settings(json.loads(reading))
        writer = ExampleWriter(
            output_uri=examples.uri,
            reader=reader,
            plan=plan_split(
                settings, key=key, event_time=event_time, times_by_span=times
            ),
            bad_rows=rule,
            event_time=event_time,
            num_shards=len(fragments),
        )
        with beam_pipeline as pipeline:
            write_examples(pipeline, fragments, writer)
        counts = read_counts(examples.uri)
        require_enough(counts, rule)
        describe(examples, counts, verified)
    examples.set_string_custom_property("spans", spans)


def require_unchanged(verified: VerifiedSpans, data_digest: str) -> None:
    """Refuses files that are not those the run was started for.

    Raises:
        DataContractError: Names both digests.
    """
    if verified.content_digest != data_digest:
        raise DataContractError(
            f"the spans' files have the content digest {verified.content_digest}, but "
            f"the run was started for {data_digest}: a file was changed, added or "
            "removed meanwhile. Run again."
        )


def require_enough(counts: RowCounts, rule: BadRowRule) -> None:
    """Refuses too many bad rows and an empty split.

    Raises:
        DataContractError: Names the first bad rows, or the counts.
    """
    refusal = rule.refusal(counts.quarantined, counts.rows, counts.bad)
    if refusal is not None:
        raise DataContractError(refusal)
    for split in SPLITS:
        if not getattr(counts, split):
            raise DataContractError(
                f"the {split} split is empty: {counts.rows:,} rows read, "
                f"{counts.unlabelled:,} of them without a label, {counts.filtered:,} "
                f"left out by data.where, {counts.quarantined:,} set aside. Read more "
                "spans or change data.split."
            )


def describe(examples: Examples, counts: RowCounts, verified: VerifiedSpans) -> None:
    """Marks the artifact for its readers."""
    examples.split_names = json.dumps(list(SPLITS))
    examples_utils.set_payload_format(
        examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
    examples_utils.set_file_format(examples, "tfrecords_gzip")
    numbers = {
        "rows": counts.rows,
        "filtered": counts.filtered,
        "unlabelled": counts.unlabelled,
        "quarantined": counts.quarantined,
        "train_rows": counts.train,
        "eval_rows": counts.eval,
    }
    for name, number in numbers.items():
        examples.set_int_custom_property(name, number)
    examples.set_string_custom_property("content_digest", verified.content_digest)
    examples.set_string_custom_property("versions", json.dumps(verified.versions))
    records = [dataclasses.asdict(record) for record in verified.records]
    examples.set_string_custom_property("span_records", json.dumps(records))
