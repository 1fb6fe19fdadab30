"""schema.pbtxt in a bundle: the curated schema the model was trained under."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from serving.bundle import layout
from serving.bundle.contract import RawFeature
from serving.bundle.errors import BundleRefusedError

_GUARD = "schema"


def read_schema(bundle: Path) -> Any:
    """Reads the schema as a schema_pb2.Schema.

    Raises:
        BundleRefusedError: It is no TFMD schema.
    """
    return parse_schema(layout.read_document(bundle, layout.SCHEMA))


def parse_schema(text: bytes) -> Any:
    """Parses a schema in protobuf's text format.

    Raises:
        BundleRefusedError: It is none.
    """
    try:
        return text_format.Parse(text.decode("utf-8"), schema_pb2.Schema())
    except RecursionError as error:
        raise BundleRefusedError(
            _GUARD, f"{layout.SCHEMA} is nested too deeply."
        ) from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise BundleRefusedError(
            _GUARD, f"{layout.SCHEMA} is no schema: {error}."
        ) from error


def schema_fingerprint(schema: Any) -> str:
    """Returns the SHA-256 (hex) over what a schema says, not over how it is written.

    Comments and white space do not count; the order of features does. The message's
    deterministic serialization is hashed: a schema has no map fields, and its fields
    are written in the order of their numbers.
    """
    return hashlib.sha256(schema.SerializeToString(deterministic=True)).hexdigest()


def example_types(schema: Any) -> Mapping[str, str]:
    """Returns feature name to "INT", "FLOAT" or "BYTES"."""
    return {
        feature.name: schema_pb2.FeatureType.Name(feature.type)
        for feature in schema.feature
    }


def raw_features(schema: Any, names: tuple[str, ...]) -> tuple[RawFeature, ...]:
    """Describes features for a contract, in the order given.

    Raises:
        BundleRefusedError: The schema lacks one, or gives it another type.
    """
    types = example_types(schema)
    return tuple(_raw_feature(name, types) for name in names)


def _raw_feature(name: str, types: Mapping[str, str]) -> RawFeature:
    found = types.get(name)
    if found == "BYTES":
        return RawFeature(name=name, dtype="string", example_type="BYTES", missing="")
    if found == "INT":
        return RawFeature(name=name, dtype="float32", example_type="INT", missing="NaN")
    if found == "FLOAT":
        return RawFeature(
            name=name, dtype="float32", example_type="FLOAT", missing="NaN"
        )
    raise BundleRefusedError(
        _GUARD,
        f"feature {name!r} is {found or 'not'} in {layout.SCHEMA}; "
        "expected INT, FLOAT or BYTES.",
    )
