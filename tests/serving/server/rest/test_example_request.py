"""Classify and regress requests: the tf.Examples they make."""

import json

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.rest.example_request import parse_example_request
from serving.server.rest.example_wire import (
    bytes_feature,
    example,
    float_feature,
    int64_feature,
)
from serving.server.status import Code, ServingError


def _example_class():
    """tf.Example as protobuf itself reads it; TensorFlow takes seconds to import."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="example_for_tests.proto", package="slipway_tests", syntax="proto3"
    )
    lists = (
        ("BytesList", kinds.TYPE_BYTES),
        ("FloatList", kinds.TYPE_FLOAT),
        ("Int64List", kinds.TYPE_INT64),
    )
    for name, kind in lists:
        file.message_type.add(name=name).field.add(
            name="value", number=1, type=kind, label=kinds.LABEL_REPEATED
        )
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, _) in enumerate(lists, 1):
        feature.field.add(
            name=name.lower(),
            number=number,
            type=kinds.TYPE_MESSAGE,
            type_name=f".slipway_tests.{name}",
            label=kinds.LABEL_OPTIONAL,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(
        name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL
    )
    entry.field.add(
        name="value",
        number=2,
        type=kinds.TYPE_MESSAGE,
        type_name=".slipway_tests.Feature",
        label=kinds.LABEL_OPTIONAL,
    )
    features.field.add(
        name="feature",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".slipway_tests.Features.FeatureEntry",
        label=kinds.LABEL_REPEATED,
    )
    file.message_type.add(name="Example").field.add(
        name="features",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".slipway_tests.Features",
        label=kinds.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("slipway_tests.Example")
    )


EXAMPLE = _example_class()


def features(serialized: bytes) -> dict[str, tuple[str, list]]:
    found = {}
    for name, feature in EXAMPLE.FromString(serialized).features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = (kind, list(getattr(feature, kind).value) if kind else [])
    return found


def read(document) -> list[dict]:
    body = json.dumps(document).encode()
    return [features(one) for one in parse_example_request(body, 100).examples]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, ("int64list", [1])),
        (-5, ("int64list", [-5])),
        ([1, 2**63 - 1, -(2**63)], ("int64list", [1, 2**63 - 1, -(2**63)])),
        (True, ("int64list", [1])),
        ([False, 7], ("int64list", [0, 7])),
        (1.5, ("floatlist", [1.5])),
        ([0.5, -2.0], ("floatlist", [0.5, -2.0])),
        ("text", ("byteslist", [b"text"])),
        ({"b64": "aGk="}, ("byteslist", [b"hi"])),
        (["a", {"b64": "aGk="}], ("byteslist", [b"a", b"hi"])),
        ([], (None, [])),
    ],
)
def test_features(value, expected):
    assert read({"examples": [{"f": value}]}) == [{"f": expected}]


def test_examples_and_context():
    document = {
        "signature_name": "s",
        "context": {"a": 1, "b": "both"},
        "examples": [{"c": 2.5}, {"b": "own"}, {}],
    }
    assert parse_example_request(json.dumps(document).encode(), 9).signature_name == "s"
    a, b = ("int64list", [1]), ("byteslist", [b"both"])
    assert read(document) == [
        {"a": a, "b": b, "c": ("floatlist", [2.5])},
        {"a": a, "b": ("byteslist", [b"own"])},
        {"a": a, "b": b},
    ]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [[]]}, "Example must be JSON object but got JSON Array"),
        ({"context": 1, "examples": [{}]}, "Example must be JSON object but got"),
        ({"examples": [{"f": None}]}, "Feature: f has element with unexpected JSON"),
        ({"examples": [{"f": [[1]]}]}, "unexpected JSON type: Array"),
        ({"examples": [{"f": {"x": 1}}]}, "unexpected JSON type: Object"),
        ({"examples": [{"f": {"b64": 1}}]}, "unexpected JSON type: Object"),
        ({"examples": [{"f": {"b64": "!"}}]}, "Unable to base64 decode"),
        ({"examples": [{"f": [1, 2.5]}]}, "in feature: f expecting type: int64"),
        ({"examples": [{"f": [2.5, 1]}]}, "in feature: f expecting type: float"),
        ({"examples": [{"f": ["a", 1]}]}, "in feature: f expecting type: bytes"),
        ({"examples": [{"f": 2**63}]}, "has uint64 element. Only int64 is supported."),
        ({"examples": [{"f": 1e39}]}, "to float without loss of precision."),
        ({"signature_name": 1, "examples": [{}]}, "must be a string value"),
        ({"examples": [{}] * 101}, "has 101 examples; expected at most 100"),
    ],
)
def test_refused(document, words):
    with pytest.raises(ServingError) as caught:
        parse_example_request(json.dumps(document).encode(), 100)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert words in caught.value.message


def test_a_feature_given_twice():
    with pytest.raises(ServingError, match="the name f twice"):
        parse_example_request(b'{"examples": [{"f": 1, "f": 2}]}', 9)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=200),
        st.one_of(
            st.lists(st.binary(max_size=300)),
            st.lists(st.integers(-(2**63), 2**63 - 1)),
            st.lists(st.floats(width=32, allow_nan=False)),
        ),
        max_size=6,
    )
)
@settings(max_examples=80, deadline=None)
def test_the_wire_format_is_protobufs(values):
    writers = {bytes: bytes_feature, int: int64_feature, float: float_feature}
    written = [
        (name, writers[type(held[0])](held)) for name, held in values.items() if held
    ]
    found = features(example(written))
    assert {name: held for name, (_, held) in found.items()} == {
        name: held for name, held in values.items() if held
    }
