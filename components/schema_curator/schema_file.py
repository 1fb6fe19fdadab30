"""Reads and writes schema.pbtxt, the one file of a Schema artifact.

    {schema.uri}/
      schema.pbtxt      TensorFlow Metadata's Schema in protobuf text format

TFX's own components read "the only file in the folder", so nothing may lie beside it.
"""

import hashlib
import uuid
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

# `tfx.v1` has the same fileio but takes 8 s to import.
from tfx.dsl.io import fileio

from data.errors import DataContractError

SCHEMA_FILE = "schema.pbtxt"


class SchemaFileError(DataContractError):
    """A schema file is absent, changed or unreadable.

    Attributes:
        path: The file, or the folder that should hold it.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} {reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.reason)


def read_curated(path: str, digest: str) -> bytes:
    """Returns the file's bytes, the very ones the digest was computed from.

    Args:
        path: Local or remote path of the curated schema.
        digest: SHA-256, 64 hexadecimal digits.

    Raises:
        SchemaFileError: The file is absent or has another digest.
    """
    if not fileio.exists(path):
        raise SchemaFileError(
            path,
            "does not exist, but validation.schema names it. Correct the setting, or "
            "check the file out of git.",
        )
    content: bytes = _read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise SchemaFileError(
            path,
            f"has SHA-256 {found}, but the run was compiled for {digest}: the schema "
            "was edited since. Start the run again.",
        )
    return content


def parse_schema(content: bytes, path: str) -> schema_pb2.Schema:
    """Parses protobuf text format.

    Raises:
        SchemaFileError: Names the line and column of the first mistake, or says that
            the file declares no feature.
    """
    try:
        schema = text_format.Parse(content, schema_pb2.Schema())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise SchemaFileError(
            path, f"is not a TensorFlow Metadata schema in text format: {error}"
        ) from error
    if not schema.feature:
        raise SchemaFileError(
            path,
            "declares no feature; a schema without one would let any data through.",
        )
    return schema


def load_schema(uri: str) -> schema_pb2.Schema:
    """Reads the schema of a Schema artifact.

    Raises:
        SchemaFileError: The folder holds no file, several, or no schema.
    """
    names = sorted(fileio.listdir(uri)) if fileio.isdir(uri) else []
    if len(names) != 1:
        raise SchemaFileError(
            uri, f"should hold {SCHEMA_FILE} and nothing else; it holds {names}."
        )
    path = f"{uri}/{names[0]}"
    return parse_schema(_read_bytes(path), path)


def write_schema(uri: str, content: bytes) -> None:
    """Writes {uri}/schema.pbtxt beside its place, then renames it."""
    fileio.makedirs(uri)
    beside = f"{uri}/.{SCHEMA_FILE}.{uuid.uuid4().hex}"
    with fileio.open(beside, "wb") as file:
        file.write(content)
    fileio.rename(beside, f"{uri}/{SCHEMA_FILE}", overwrite=True)


def _read_bytes(path: str) -> bytes:
    with fileio.open(path, "rb") as file:
        content: bytes = file.read()
    return content
