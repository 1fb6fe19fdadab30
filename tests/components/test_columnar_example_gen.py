"""The component as a whole: what the artifact says, and what it refuses."""

import json
import os

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx.types.standard_artifacts import Examples

from components.columnar_example_gen.component import ColumnarExampleGen
from components.columnar_example_gen.read_plan import event_times
from components.columnar_example_gen.row_reader import (
    Fragment,
    RowReader,
    list_fragments,
)
from components.columnar_example_gen.source_files import SourceFile
from data.errors import DataContractError
from data.spans import SpanLayout, content_digest, list_spans, load_manifest

pytestmark = pytest.mark.beam
HOUR = 3600


def spans_in(base):
    """Two spans of CSV rows at hours 0 to 3 and 4 to 7; span 2 in two versions."""
    for folder, first in (("span-1", 0), ("span-2/version-1", 4)):
        (base / folder).mkdir(parents=True)
        lines = [
            f"row-{row},{row * HOUR},{row},{row % 2}" for row in range(first, first + 4)
        ]
        text = "\n".join(["id,at,n,late", *lines]) + "\n"
        (base / folder / "rows.csv").write_text(text)
    newer = base / "span-2/version-2"
    newer.mkdir()
    text = (base / "span-2/version-1/rows.csv").read_text()
    (newer / "rows.csv").write_text(text.replace("row-7", "row-8"))
    return base


def digest(base):
    spans = list_spans(base)
    return content_digest((span, load_manifest(base, span).digest) for span in spans)


def run(base, output, **changes):
    examples = Examples()
    examples.uri = str(output)
    arguments = {
        "input_base": str(base),
        "spans": json.dumps(list_spans(base)),
        "data_digest": digest(base),
        "key": "id",
        "event_time": "at",
        "label": "late",
        "split": json.dumps({"by": "time", "eval_spans": 1, "eval_fraction": None}),
        "csv_kinds": json.dumps({"n": "int", "late": "int"}),
        "layout": "{}",
        "reading": "{}",
        **changes,
    }
    # The function that the decorator made a component of.
    function = ColumnarExampleGen.EXECUTOR_SPEC.executor_class._FUNCTION
    function(
        examples=examples,
        beam_pipeline=beam.Pipeline(runner=FnApiRunner()),
        **arguments,
    )
    return examples


def test_artifact_says_what_was_read(tmp_path):
    base = spans_in(tmp_path / "spans")

    examples = run(base, tmp_path / "a")

    assert examples.get_string_custom_property("content_digest") == digest(base)
    assert json.loads(examples.get_string_custom_property("versions")) == {"2": 2}
    assert examples.get_string_custom_property("spans") == "[1, 2]"
    names = ("rows", "filtered", "unlabelled", "quarantined", "train_rows", "eval_rows")
    counts = [examples.get_int_custom_property(name) for name in names]
    assert counts == [8, 0, 0, 0, 4, 4]


def test_byte_changed_under_the_same_size_and_time_is_refused(tmp_path):
    base = spans_in(tmp_path / "spans")
    before = digest(base)
    path = base / "span-1/rows.csv"
    status = path.stat()
    path.write_text(path.read_text().replace("row-3", "row-9"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert path.stat().st_size == status.st_size
    with pytest.raises(
        DataContractError, match=r"a file was changed, added or removed"
    ):
        run(base, tmp_path / "a", data_digest=before)


def test_bad_row_ends_the_run_with_file_row_column_and_value(tmp_path):
    base = spans_in(tmp_path / "spans")
    path = base / "span-1/rows.csv"
    path.write_text(path.read_text().replace("row-2,7200,2", "row-2,7200,abc"))

    message = r"rows\.csv of span 1, row 3, column 'n': 'abc'; expected int64\. Mend"
    with pytest.raises(DataContractError, match=message):
        run(base, tmp_path / "a")

    reading = {"on_bad_rows": "quarantine", "max_bad_fraction": 0.2}
    examples = run(base, tmp_path / "b", reading=json.dumps(reading))
    assert examples.get_int_custom_property("quarantined") == 1

    reading["max_bad_fraction"] = 0.1
    with pytest.raises(DataContractError, match=r"max_bad_fraction is 0\.1, they are"):
        run(base, tmp_path / "c", reading=json.dumps(reading))


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (
            {"format": "parquet"},
            r"data\.format is 'parquet', but span 1 holds rows\.csv",
        ),
        ({"exclude_columns": ["at"]}, r"leaves out 'at', which the run needs"),
        ({"where": [["miles", ">", 1]]}, r"data\.where names 'miles', which rows\.csv"),
        ({"where": [["n", ">", "x"]]}, r"data\.where compares 'n', which is int64 in"),
        ({"where": [["n", ">", 90]]}, r"the train split is empty: .* 8 left out by"),
    ],
    ids=["format", "projection", "unknown column", "type", "nothing left"],
)
def test_reading_that_cannot_work_is_refused(tmp_path, reading, message):
    base = spans_in(tmp_path / "spans")
    split = json.dumps({"by": "hash", "eval_spans": None, "eval_fraction": 0.5})
    with pytest.raises(DataContractError, match=message):
        run(base, tmp_path / "a", reading=json.dumps(reading), split=split)


def test_named_version_is_read(tmp_path):
    base = spans_in(tmp_path / "spans")
    layout = {"pattern": "span-{SPAN}", "versions": {"2": 1}}
    older = SpanLayout.from_settings(layout)
    digests = [(span, load_manifest(base, span, older).digest) for span in (1, 2)]

    examples = run(
        base,
        tmp_path / "a",
        layout=json.dumps(layout),
        data_digest=content_digest(digests),
    )

    assert json.loads(examples.get_string_custom_property("versions")) == {"2": 1}


def parquet_file(tmp_path, span, times):
    path = tmp_path / f"{span}.parquet"
    labels = [1] * len(times)
    pq.write_table(pa.table({"at": times, "late": labels}), path, row_group_size=2)
    return SourceFile(path=str(path), span=span, csv_kinds={})


def test_parts_are_row_groups_of_about_the_wanted_size(tmp_path):
    file = parquet_file(tmp_path, 1, list(range(7)))

    assert list_fragments([file], rows_per_fragment=3) == [
        Fragment(file=file, row_groups=(0, 1), first_row=1),
        Fragment(file=file, row_groups=(2, 3), first_row=5),
    ]


def test_times_are_read_only_where_manifests_leave_a_doubt(tmp_path):
    files = [parquet_file(tmp_path, 1, [0, 10]), parquet_file(tmp_path, 2, [20, 30])]
    fragments = list_fragments(files)
    reader = RowReader(label="late", required=("at",))
    settings = {"by": "time", "eval_spans": 1}

    def times(known):
        found = event_times(fragments, reader, "at", settings, known)
        return {span: values.tolist() for span, values in found.items()}

    assert times({1: (1, 11), 2: (21, 31)}) == {1: [1, 11], 2: [21, 31]}
    read = {1: [0, 10], 2: [20, 30]}
    assert times({1: (1, 25), 2: (21, 31)}) == read
    assert times({1: (1, 11)}) == read


def test_row_groups_without_a_row_that_passes_are_not_read(tmp_path, monkeypatch):
    file = parquet_file(tmp_path, 1, [0, 10, 20, 30, 40, 50])
    reader = RowReader(label="late", required=("at",), where=(("at", ">", 25),))
    read = []
    original = SourceFile.read

    def noted(self, columns, row_groups, first_row):
        read.append((row_groups, first_row))
        return original(self, columns, row_groups, first_row)

    monkeypatch.setattr(SourceFile, "read", noted)
    (fragment,) = list_fragments([file])
    rows = list(reader.read(fragment))

    assert read == [((1,), 3), ((2,), 5)]
    assert [part.batch["at"].to_pylist() for part in rows] == [[], [30], [40, 50]]
    assert [(part.read, part.filtered) for part in rows] == [(2, 2), (2, 1), (2, 0)]
