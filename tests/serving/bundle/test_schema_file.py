"""The schema's fingerprint is over what it says."""

import pytest

from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError
from serving.bundle.schema_file import (
    example_types,
    parse_schema,
    raw_features,
    read_schema,
    schema_fingerprint,
)

TEXT = b"""
feature { name: "miles" type: FLOAT }
feature { name: "month" type: INT int_domain { min: 1 max: 12 } }
feature { name: "carrier" type: BYTES }
"""


def fingerprint(text):
    return schema_fingerprint(parse_schema(text))


def test_comments_and_white_space_do_not_count():
    assert fingerprint(TEXT) == fingerprint(
        b"# Rides.\n" + TEXT.replace(b"{ ", b"{\n  ").replace(b" }", b"  # ends\n}")
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"FLOAT", b"INT"),
        (b"max: 12", b"max: 13"),
        (b'"miles"', b'"Miles"'),
        (b'feature { name: "carrier" type: BYTES }', b""),
    ],
)
def test_every_word_counts(old, new):
    assert fingerprint(TEXT.replace(old, new)) != fingerprint(TEXT)


def test_order_of_features_counts():
    lines = TEXT.strip().splitlines()
    assert fingerprint(b"\n".join(lines[::-1])) != fingerprint(b"\n".join(lines))


def test_fingerprint_is_the_same_for_ever():
    # A bundle's contract holds it: another value would refuse every bundle there is.
    assert fingerprint(TEXT) == (
        "79bfeb5593a17e503d1275be88b245c414a038c2c01282735cd1bf588b21c77f"
    )


def test_features_are_described_in_the_order_asked_for():
    found = raw_features(parse_schema(TEXT), ("carrier", "month", "miles"))
    assert [
        (feature.name, feature.dtype, feature.example_type, feature.missing)
        for feature in found
    ] == [
        ("carrier", "string", "BYTES", ""),
        ("month", "float32", "INT", "NaN"),
        ("miles", "float32", "FLOAT", "NaN"),
    ]
    assert example_types(parse_schema(TEXT))["month"] == "INT"


@pytest.mark.parametrize(
    ("name", "telling"),
    [("seats", "feature 'seats' is not in"), ("shape", "feature 'shape' is STRUCT in")],
)
def test_feature_that_cannot_be_served_is_refused(name, telling):
    schema = parse_schema(TEXT + b'feature { name: "shape" type: STRUCT }')
    with pytest.raises(BundleRefusedError) as caught:
        raw_features(schema, (name,))
    assert caught.value.guard == "schema"
    assert telling in caught.value.reason
    assert "expected INT, FLOAT or BYTES" in caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        b"feature {",
        b"\xff",
        b"nonsense: 1",
        b"feature { type: 99 }",
        b"{}",
        b'feature { name: "x" struct_domain { ' * 5000,
    ],
)
def test_what_is_no_schema_is_refused(tmp_path, text):
    (tmp_path / layout.EXTRA).mkdir()
    (tmp_path / layout.SCHEMA).write_bytes(text)
    with pytest.raises(BundleRefusedError) as caught:
        read_schema(tmp_path)
    assert caught.value.guard == "schema"
    assert layout.SCHEMA in caught.value.reason
