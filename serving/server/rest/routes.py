"""Which model, version and call a path means.

    POST /v1/models/NAME[/versions/N|/labels/L]:(predict|classify|regress)
    GET  /v1/models/NAME[/versions/N|/labels/L][/metadata]

The path is matched as sent, query and all, whatever the case of its letters; only then
are name and label %-decoded. The call itself must be in lower case.
Source: tensorflow_serving/model_servers/http_rest_api_util.cc.
"""

import functools
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from serving.server.core import ModelSpec
from serving.server.status import Code, ServingError

_VERSION = rb"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_CALL = re.compile(
    rb"(?i:/v1/models/([^/:]+)" + _VERSION + rb":(classify|regress|predict))"
)
_STATUS = re.compile(
    rb"(?i:/v1/models(?:/([^/:]+))?" + _VERSION + rb"(?:/(metadata))?)"
)
_CALLS = (b"classify", b"regress", b"predict")
_MAX_INT64 = (1 << 63) - 1
_REMEMBERED = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """What is asked of which model.

    Attributes:
        api: "predict", "classify", "regress", "status" or "metadata".
        spec: Which model.
    """

    api: str
    spec: ModelSpec


@functools.lru_cache(maxsize=_REMEMBERED)
def find_route(method: str, path: bytes) -> Route:
    """Returns what a path below /v1/ means.

    Args:
        method: HTTP's.
        path: As sent.

    Raises:
        ServingError: INVALID_ARGUMENT: it means nothing, or its version is no int64.
    """
    match = None
    if method == "POST":
        match = _CALL.fullmatch(path)
    elif method == "GET":
        match = _STATUS.fullmatch(path)
    if match is None:
        raise _malformed(method, path)
    name, version, label, asked = match.groups()
    spec = ModelSpec(
        name=_decoded(name or b""),
        version=_version(version),
        label=_decoded(label) if label else None,
    )
    if method == "POST":
        if asked not in _CALLS:
            raise _malformed(method, path)
        return Route(api=asked.decode(), spec=spec)
    if not spec.name:
        raise _invalid("Missing model name in request.")
    return Route(api="metadata" if asked == b"metadata" else "status", spec=spec)


def _version(text: bytes | None) -> int | None:
    if text is None:
        return None
    digits = text.lstrip(b"0") or b"0"
    if len(digits) > len(str(_MAX_INT64)) or int(digits) > _MAX_INT64:
        raise _invalid(f"Failed to convert version: {text.decode()} to numeric.")
    return int(digits)


def _decoded(text: bytes) -> str:
    return unquote_to_bytes(text).decode(errors="replace")


def _malformed(method: str, path: bytes) -> ServingError:
    return _invalid(f"Malformed request: {method} {path.decode(errors='replace')}")


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
