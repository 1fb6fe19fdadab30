"""Reads the curated schema.pbtxt as far as the checks before a run need it.

Light: neither TFDV nor TensorFlow is imported.
"""

from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from data.errors import list_in_words
from pipeline.settings_loader import ConfigError, did_you_mean

SERVING = "SERVING"
ENVIRONMENTS = ("TRAINING", SERVING)

_KINDS = {schema_pb2.INT: "int", schema_pb2.FLOAT: "float", schema_pb2.BYTES: "bytes"}


@dataclass(frozen=True, kw_only=True, slots=True)
class CuratedSchema:
    """What a schema.pbtxt declares.

    Attributes:
        name: File name, for messages.
        kinds: Feature to "int", "float" or "bytes", in the file's order.
        serving: Features that a serving request is expected to hold.
    """

    name: str
    kinds: dict[str, str]
    serving: frozenset[str]


def read_schema(path: Path) -> CuratedSchema:
    """Reads a schema in protobuf text format.

    Raises:
        ConfigError: The file is missing, does not parse (with line and column), holds
            no feature, holds one twice, or one that is neither INT, FLOAT nor BYTES,
            or lacks one of ENVIRONMENTS, which TFDV then refuses to validate for.
    """
    schema = _parse(path)
    names = [feature.name for feature in schema.feature]
    if not names:
        raise ConfigError(_refused(path, "holds no feature"))
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(
            _refused(path, f"declares more than once: {list_in_words(repeated)}")
        )
    untyped = [f.name for f in schema.feature if f.type not in _KINDS]
    if untyped:
        raise ConfigError(
            _refused(path, f"needs type INT, FLOAT or BYTES: {list_in_words(untyped)}")
        )
    for environment in ENVIRONMENTS:
        if environment not in schema.default_environment:
            line = f'default_environment: "{environment}"'
            raise ConfigError(_refused(path, f"lacks the line {line}"))
    return CuratedSchema(
        name=path.name,
        kinds={feature.name: _KINDS[feature.type] for feature in schema.feature},
        serving=frozenset(f.name for f in schema.feature if _is_served(f)),
    )


def _parse(path: Path) -> schema_pb2.Schema:
    if not path.is_file():
        known = [other.name for other in path.parent.glob("*.pbtxt")]
        raise ConfigError(
            f"validation.schema is {str(path)!r}; expected a schema.pbtxt there, found "
            f"no file.{did_you_mean(path.name, known)}"
        )
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except text_format.ParseError as error:
        reason = str(error).removeprefix(f"{error.GetLine()}:{error.GetColumn()} : ")
        place = f"line {error.GetLine()}, column {error.GetColumn()}"
        raise ConfigError(
            _refused(path, f"does not parse: {place}: {reason.rstrip('.')}")
        ) from error
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigError(_refused(path, f"cannot be read: {error}")) from error


def _refused(path: Path, reason: str) -> str:
    return f"validation.schema {str(path)!r} {reason}."


def _is_served(feature: schema_pb2.Feature) -> bool:
    """Tells whether a request holds the feature; tried against TFDV 1.21."""
    return (
        SERVING in feature.in_environment or SERVING not in feature.not_in_environment
    )
