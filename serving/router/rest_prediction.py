"""What is known of a REST predict request and its answer: arm, log and shadow need it.

Source: tensorflow_serving/g3doc/api_rest.md, "Predict API" (the JSON of answers; NaN is
written as NaN, which JSON itself does not know).
"""

import json
import math
import re
from typing import Any

from serving.router.http_message import ProxyAnswer, ProxyRequest, plain_body
from serving.server.rest.routes import find_route
from serving.server.status import ServingError

OK = 200
MAX_PLAIN_BYTES = 256 << 20
"""Of a body after gzip; a longer one is not looked into."""

_NO_OUTPUTS = re.compile(rb'"(?:predictions|outputs)"\s*:\s*(?:\[\s*\]|\{\s*\})')
_HAS_OUTPUTS = re.compile(rb'"(?:predictions|outputs)"\s*:')


def is_assigned(request: ProxyRequest, model: str) -> bool:
    """Returns whether an arm is to be chosen for a request.

    Args:
        request: Any.
        model: Whose predict requests are; those that name a version or a label have
            chosen themselves.
    """
    if request.method != b"POST" or not request.path.endswith(b":predict"):
        return False
    try:
        route = find_route("POST", request.path)
    except ServingError:
        return False
    spec = route.spec
    return spec.name == model and spec.version is None and spec.label is None


def with_version(path: bytes, version: int) -> bytes:
    """Returns the path of a predict request for one version."""
    return b"%b/versions/%d:predict" % (path.removesuffix(b":predict"), version)


def lacks_outputs(answer: ProxyAnswer) -> bool:
    """Returns whether a good answer has no outputs, or null or NaN among them."""
    try:
        body = plain_body(answer.headers, answer.body, MAX_PLAIN_BYTES)
    except ValueError:
        return True
    if _HAS_OUTPUTS.search(body) is None or _NO_OUTPUTS.search(body):
        return True
    if b"null" not in body and b"NaN" not in body:
        return False
    # Either may stand inside a text.
    try:
        return _holds_nothing(outputs_of(body))
    except (ValueError, RecursionError):
        return True


def outputs_of(body: bytes) -> Any:
    """Returns what a plain body holds as predictions or outputs; None: neither.

    Raises:
        ValueError: It is no JSON object.
    """
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")
    return document.get("predictions", document.get("outputs"))


def are_alike(given: ProxyAnswer, other: ProxyAnswer, tolerance: float) -> bool:
    """Returns whether two answers to one request say the same.

    Args:
        given: Of the arm that answered.
        other: Of the arm in shadow.
        tolerance: Numbers may differ by so much, absolute, and by as large a part of
            the larger one.
    """
    if given.status != other.status:
        return False
    if given.status != OK:
        return True  # both refuse; their words may differ
    try:
        found = [
            outputs_of(plain_body(answer.headers, answer.body, MAX_PLAIN_BYTES))
            for answer in (given, other)
        ]
        return _same(found[0], found[1], tolerance)
    except (ValueError, RecursionError):
        return given.body == other.body


def _holds_nothing(value: Any) -> bool:
    if isinstance(value, dict):
        return not value or any(_holds_nothing(held) for held in value.values())
    if isinstance(value, list):
        return any(_holds_nothing(held) for held in value)
    return value is None or (isinstance(value, float) and math.isnan(value))


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _same(one[name], other[name], tolerance) for name in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            _same(left, right, tolerance)
            for left, right in zip(one, other, strict=True)
        )
    if _is_number(one) and _is_number(other):
        both_nan = math.isnan(one) and math.isnan(other)
        is_close = math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
        return both_nan or is_close
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
