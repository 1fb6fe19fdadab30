"""Preflight of the spans: what they lack, seen from their headers."""

import functools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.spans import write_span
from pipeline.preflight import check_data


def rows(**columns: object) -> pa.Table:
    """Two rows; a column given as [] is left out."""
    at = pa.array([1_370_000_000, 1_370_000_060], pa.timestamp("s", tz="UTC"))
    table = {
        "id": ["a", "b"],
        "at": at,
        "origin": ["JFK", "LGA"],
        "hour": [6, 7],
        "wind": [1.5, None],
        "late": [0, 1],
        **columns,
    }
    return pa.table({name: values for name, values in table.items() if len(values)})


@pytest.fixture
def write_spans(project):
    def write(**columns: object) -> None:
        for span in (1, 2, 3):
            write_span(
                project.folder / "spans",
                span,
                rows(**columns),
                event_time="at",
                source="test",
            )

    return write


@pytest.fixture
def data_problems(project, problems_of):
    def run(spans: list[int], **overrides: object) -> tuple[str, ...]:
        return problems_of(check_data, project.load(**overrides), spans)

    return run


def test_sound_spans_pass_even_without_a_feature(project, write_spans):
    write_spans(wind=[])

    check_data(project.load(), [1, 2, 3])


def test_label_without_any_value_is_left_to_later_stages(project, write_spans):
    write_spans(late=pa.nulls(2))

    check_data(project.load(), [1, 2, 3])


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"first": 7, "last": 9}, "first 7, last 9"),
        ({"newest": 2}, "newest 2"),
        ({}, "all"),
    ],
    ids=["range", "newest", "all"],
)
def test_no_span_selected_lists_asked_and_existing(
    project, write_spans, data_problems, wanted, words
):
    write_spans()

    assert data_problems([], data__spans=wanted) == (
        (
            f"data.spans asks for {words}, which selects no span of "
            f"'{project.folder}/spans'; spans there: 1, 2, 3."
        ),
    )


def test_missing_input_base_is_refused(project, data_problems):
    assert data_problems([]) == (
        (
            f"data.input_base is '{project.folder}/spans'; expected a folder that "
            "holds span-1, span-2 and so on, found none. Put the spans there or name a "
            "function that does as data.prepare."
        ),
    )


def test_folder_that_is_no_span_is_refused(project, data_problems):
    (project.folder / "spans/span-01").mkdir(parents=True)

    assert data_problems([]) == (
        (
            f"{project.folder}/spans/span-01 is not the name of a span: expected "
            "span-{SPAN} with a positive integer without padding for each number, "
            "for example span-1."
        ),
    )


def test_too_few_spans_for_the_split_are_refused(write_spans, data_problems):
    write_spans()

    assert data_problems([2, 3], data__split__eval_spans=2) == (
        (
            "data.split.eval_spans is 2, and the run reads span 2, 3; expected at "
            "least one more span to train on. Widen data.spans, or use "
            "data.split.eval_fraction."
        ),
    )


def test_absent_and_empty_spans_are_refused(project, write_spans, data_problems):
    write_spans()
    spans = project.folder / "spans"
    (spans / "span-4").mkdir()

    assert data_problems([3, 4, 5]) == (
        (
            f"{spans}/span-4 holds no data file; expected one of *.parquet, *.csv, "
            "*.csv.gz, *.feather, *.arrow, *.orc."
        ),
        (
            f"span 5 does not exist: {spans} has no folder span-5; "
            "spans there: 1, 2, 3, 4."
        ),
    )


def test_span_in_the_wrong_folder_is_refused(project, write_spans, data_problems):
    write_spans()
    spans = project.folder / "spans"
    (spans / "span-3").rename(spans / "span-4")

    assert data_problems([1, 4]) == (
        (
            f"{spans}/span-4/manifest.json describes span 3, but lies in the folder of "
            "span 4; was the folder copied or renamed?"
        ),
    )


def test_missing_columns_are_refused_once_for_all_spans(write_spans, data_problems):
    write_spans(late=[], origin=[], Late=[0, 1])

    assert data_problems([1, 2, 3]) == (
        (
            "data.label is 'late', which span 1, 2, 3 does not hold; columns there: "
            "id, at, hour, wind, Late. Did you mean 'Late'?"
        ),
        (
            "evaluation.slices is 'origin', which span 1, 2, 3 does not hold; columns "
            "there: id, at, hour, wind, Late."
        ),
    )


def test_columns_of_another_type_are_refused(write_spans, data_problems):
    write_spans(late=[0.0, 1.0], hour=["six", "seven"])

    assert data_problems([1, 2, 3]) == (
        (
            "data.label is 'late', which is double in span 1, 2, 3; expected INT, as "
            "in schema.pbtxt."
        ),
        (
            "evaluation.slices is 'hour', which is string in span 1, 2, 3; expected "
            "INT, as in schema.pbtxt."
        ),
    )


def test_only_the_span_that_differs_is_named(project, write_spans, data_problems):
    write_spans()
    table = rows(late=["no", "yes"])
    pq.write_table(table, project.folder / "spans/span-2/part-00000.parquet")

    assert data_problems([1, 2, 3]) == (
        (
            "data.label is 'late', which is string in span 2; expected INT, as in "
            "schema.pbtxt."
        ),
    )


def test_file_that_is_no_parquet_is_refused(project, write_spans, data_problems):
    write_spans()
    file = project.write("spans/span-2/part-00000.parquet", "not parquet")

    assert data_problems([1, 2, 3]) == (
        f"{file} cannot be read as parquet; write span 2 anew.",
    )


def test_files_of_the_other_format_are_refused(write_spans, data_problems):
    write_spans()

    assert data_problems([1, 2], data__format="csv") == (
        "data.format is 'csv', but span 1 holds part-00000.parquet.",
        "data.format is 'csv', but span 2 holds part-00000.parquet.",
    )


def test_csv_columns_pass_if_they_can_be_read_as_the_schema_says(project):
    for span in (1, 2):
        project.write(
            f"spans/span-{span}/rows.csv",
            "id,at,origin,hour,late\n17,2013-06-01T00:00:00Z,JFK,6,1\n18,,LGA,7,\n",
        )

    check_data(project.load(data__format="csv"), [1, 2])


def test_csv_is_refused_without_quoting_its_rows(project, data_problems):
    project.write("spans/span-1/a.csv", "id,at,origin,hour,late\n17,5,JFK,6,yes\n")
    project.write("spans/span-2/a.csv", "")
    (project.folder / "spans/span-2/a.csv").write_bytes(b"id,secret\xff\n17,5\n")

    assert data_problems([1, 2], data__format="csv") == (
        (
            f"{project.folder}/spans/span-2/a.csv cannot be read as csv; "
            "write span 2 anew."
        ),
        (
            "data.label is 'late', which is string in span 1; expected INT, as in "
            "schema.pbtxt."
        ),
    )


def test_only_headers_are_read(project, write_spans, monkeypatch):
    write_spans()
    refuse = functools.partial(pytest.fail, "rows were read")
    for name in ("pyarrow.parquet.ParquetFile.read", "data.spans.describe_file"):
        monkeypatch.setattr(name, refuse)

    check_data(project.load(), [1, 2, 3])


def test_projection_keeps_features_and_slices(write_spans, data_problems):
    write_spans()

    assert data_problems([1, 2, 3], data__exclude_columns=["wind", "origin"]) == (
        (
            "data.exclude_columns leaves out 'wind', which train.features names. "
            "Keep that column."
        ),
        (
            "data.exclude_columns leaves out 'origin', which train.features names. "
            "Keep that column."
        ),
        (
            "data.exclude_columns leaves out 'origin', which evaluation.slices names. "
            "Keep that column."
        ),
    )


def test_filter_names_columns_that_are_there(write_spans, data_problems):
    write_spans()

    assert data_problems([1, 2, 3], data__where=[["miles", ">", 3]])[0] == (
        "data.where names 'miles', which part-00000.parquet of span 1 does not hold."
    )


def test_group_column_is_there(write_spans, data_problems):
    write_spans()
    split = {"by": "group", "column": "tailnum", "eval_fraction": 0.5}

    assert data_problems([1, 2, 3], data__split=split) == (
        (
            "data.split.column is 'tailnum', which span 1, 2, 3 does not hold; columns "
            "there: id, at, origin, hour, wind … and 1 more."
        ),
    )
