"""Spans by number and by date, with versions, and what is said of other folders."""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DataContractError
from data.span_layout import SpanLayout, pattern_problem, span_of_date
from data.spans import list_spans, load_manifest, verify_span


def make(base, *names):
    for name in names:
        (base / name).mkdir(parents=True)
        pq.write_table(pa.table({"name": [name]}), base / name / "rows.parquet")


def found(base, pattern, versions=None):
    layout = SpanLayout(pattern=pattern, versions=versions or {})
    return {
        span: (folder.path.relative_to(base).as_posix(), folder.version)
        for span, folder in layout.find(base).items()
    }


def test_date_is_the_days_since_1970(tmp_path):
    make(tmp_path, "day=2013-01-01", "day=1970-01-02")

    # date +%s -d 2013-01-01 -u, divided by 86,400
    assert found(tmp_path, "day={YYYY}-{MM}-{DD}") == {
        1: ("day=1970-01-02", None),
        15706: ("day=2013-01-01", None),
    }
    assert span_of_date("2013-01-01") == 15706


def test_newest_version_is_read_unless_another_is_named(tmp_path):
    make(tmp_path, "span-1", "span-2/version-2", "span-2/version-10")

    assert found(tmp_path, "span-{SPAN}") == {
        1: ("span-1", None),
        2: ("span-2/version-10", 10),
    }
    assert found(tmp_path, "span-{SPAN}", {2: 2})[2] == ("span-2/version-2", 2)


def test_versions_have_a_place_of_their_own_in_a_pattern(tmp_path):
    make(tmp_path, "2013/01/31/v1", "2013/01/31/v2")

    assert found(tmp_path, "{YYYY}/{MM}/{DD}/v{VERSION}") == {
        15736: ("2013/01/31/v2", 2)
    }


def test_manifest_is_made_for_the_version_that_is_read(tmp_path):
    make(tmp_path, "span-2/version-1", "span-2/version-2")
    older, newest = SpanLayout(versions={2: 1}), SpanLayout()

    assert load_manifest(tmp_path, 2).version == 2
    assert load_manifest(tmp_path, 2, older).version == 1
    assert verify_span(tmp_path, 2, newest) != verify_span(tmp_path, 2, older)
    assert list_spans(tmp_path) == [2]


def test_manifest_of_another_version_is_refused(tmp_path):
    make(tmp_path, "span-2/version-1")
    manifest = dataclasses.replace(load_manifest(tmp_path, 2), version=3)
    (tmp_path / "span-2/version-1/manifest.json").write_text(manifest.to_json())

    with pytest.raises(
        DataContractError, match=r"describes version 3, .* version 1 of span 2; was"
    ):
        load_manifest(tmp_path, 2)


def test_version_that_is_not_there_is_refused(tmp_path):
    make(tmp_path, "span-2/version-1", "span-2/version-2")
    with pytest.raises(
        DataContractError, match=r"version 7 of span 2, .* its versions: 1, 2"
    ):
        found(tmp_path, "span-{SPAN}", {2: 7})


def test_day_that_no_calendar_has_is_refused(tmp_path):
    make(tmp_path, "2013-02-30")
    with pytest.raises(DataContractError, match=r"2013-02-30 names no day"):
        found(tmp_path, "{YYYY}-{MM}-{DD}")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("span-{SPAN}", None),
        ("{YYYY}{MM}{DD}", None),
        ("span-{SPAM}", "holds '{SPAM}'"),
        ("day={YYYY}-{MM}", "names a part of a date"),
        ("rows", "has to name {SPAN}"),
        ("{SPAN}/{SPAN}", "names a place twice"),
        ("../span-{SPAN}", "leaves data.input_base"),
    ],
)
def test_pattern_is_checked(pattern, problem):
    said = pattern_problem(pattern)

    assert said == problem if problem is None else problem in said
