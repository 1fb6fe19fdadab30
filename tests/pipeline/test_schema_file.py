"""The curated schema as preflight reads it."""

from pathlib import Path

import pytest

from pipeline.schema_file import read_schema
from pipeline.settings_loader import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def test_schema_gives_kinds_in_order_and_what_a_request_holds(project):
    schema = read_schema(project.folder / "schema.pbtxt")

    assert schema.name == "schema.pbtxt"
    assert list(schema.kinds.items()) == [
        ("id", "bytes"),
        ("at", "int"),
        ("origin", "bytes"),
        ("hour", "int"),
        ("wind", "float"),
        ("late", "int"),
    ]
    assert schema.serving == {"id", "at", "origin", "hour", "wind"}


def test_flights_schema_keeps_its_label_out_of_requests():
    schema = read_schema(ROOT / "data/flights/schema.pbtxt")

    assert schema.kinds["is_late"] == "int"
    assert "is_late" not in schema.serving
    assert "carrier" in schema.serving


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "type: FLOAT",
            "typ: FLOAT",
            (
                'does not parse: line 8, column 24: Message type "tensorflow.'
                'metadata.v0.Feature" has no field named "typ".'
            ),
        ),
        ('name: "at"', 'name: "id"', "declares more than once: id."),
        ("type: FLOAT", "", "needs type INT, FLOAT or BYTES: wind."),
        (
            'default_environment: "SERVING"',
            "",
            'lacks the line default_environment: "SERVING".',
        ),
    ],
    ids=["no such field", "repeated", "untyped", "no environment"],
)
def test_schema_that_cannot_be_used_is_refused(project, old, new, reason):
    path = project.replace("schema.pbtxt", old, new)

    with pytest.raises(ConfigError, match=r".") as caught:
        read_schema(path)
    assert str(caught.value) == f"validation.schema {str(path)!r} {reason}"


def test_schema_without_features_is_refused(project):
    path = project.write("schema.pbtxt", "# nothing")

    with pytest.raises(ConfigError, match=r"schema\.pbtxt' holds no feature\.$"):
        read_schema(path)


def test_schema_that_is_not_utf8_is_refused(project):
    path = project.folder / "schema.pbtxt"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match=r"cannot be read: 'utf-8' codec"):
        read_schema(path)


def test_missing_schema_is_refused_with_the_nearest_file(project):
    with pytest.raises(ConfigError, match=r".") as caught:
        read_schema(project.folder / "shema.pbtxt")

    assert str(caught.value) == (
        f"validation.schema is '{project.folder}/shema.pbtxt'; expected a schema.pbtxt "
        "there, found no file. Did you mean 'schema.pbtxt'?"
    )
