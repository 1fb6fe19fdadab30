"""A model's calls in TF Serving's REST.

    POST /v1/models/NAME[/versions/N|/labels/L]:(predict|classify|regress)
    GET  /v1/models/NAME[/versions/N|/labels/L][/metadata]

JSON has NaN, Infinity and -Infinity here, as TF Serving takes and writes them, and
{"b64": …} for bytes. None goes as NaN, or "" for text, which every server takes.
Source: https://www.tensorflow.org/tfx/serving/api_rest;
tensorflow_serving/util/json_tensor.cc.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from serving.client import rest_answers
from serving.client.columns import Rows, check_rows, fill_missing
from serving.client.errors import InvalidRequestError, ProtocolError, error_type
from serving.client.errors import status_code as code_of_status
from serving.client.example_features import Examples, plain_examples
from serving.client.exchange import Failure, Success
from serving.client.model_info import ModelMetadata, SignatureInfo, VersionStatus
from serving.client.model_target import ModelTarget
from serving.client.retries import parse_retry_after
from serving.client.strict_arrays import Array

_OK = 200
_ERRORS = range(400, 600)


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """What is asked.

    Attributes:
        method: "GET" or "POST".
        path: From /v1 on.
        body: Empty for a GET.
    """

    method: str
    path: str
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpReply:
    """What is answered.

    Attributes:
        status: HTTP's.
        headers: Names in lower case.
        body: Whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class RestWire:
    """One model's REST; see Wire."""

    def __init__(self, place: str, target: ModelTarget) -> None:
        """Takes the server's address, for messages, and the model."""
        self.place = place
        self._model = f"/v1/models/{quote(target.name, safe='')}"
        self._path = self._model
        if target.version is not None:
            self._path += f"/versions/{target.version}"
        elif target.label is not None:
            self._path += f"/labels/{quote(target.label, safe='')}"

    def predict_rows(
        self, rows: Rows, name: str, signature: SignatureInfo
    ) -> HttpRequest:
        """Asks in the row format."""
        check_rows(rows)
        instances = [
            {key: fill_missing(key, row[key], signature.inputs) for key in row}
            for row in rows
        ]
        return self._post("predict", name, {"instances": instances})

    def predict_columns(
        self, columns: Mapping[str, Any], name: str, signature: SignatureInfo
    ) -> HttpRequest:
        """Asks in the columnar format."""
        inputs = {
            key: fill_missing(key, values, signature.inputs)
            for key, values in columns.items()
        }
        return self._post("predict", name, {"inputs": inputs})

    def classify(self, examples: Examples, name: str) -> HttpRequest:
        """Asks for classes."""
        return self._post("classify", name, {"examples": plain_examples(examples)})

    def regress(self, examples: Examples, name: str) -> HttpRequest:
        """Asks for values."""
        return self._post("regress", name, {"examples": plain_examples(examples)})

    def status(self) -> HttpRequest:
        """Asks for the versions' states."""
        return HttpRequest(method="GET", path=self._path)

    def metadata(self, version: int | None) -> HttpRequest:
        """Asks for the signatures."""
        path = self._path if version is None else f"{self._model}/versions/{version}"
        return HttpRequest(method="GET", path=f"{path}/metadata")

    def read(self, reply: HttpReply) -> Success | Failure:
        """Says what a reply is, by its status."""
        if reply.status == _OK:
            return Success(
                body=reply.body,
                model_version=_whole(reply.headers.get("x-slipway-model-version")),
                bundle_digest=reply.headers.get("x-slipway-bundle-digest"),
                request_id=reply.headers.get("x-request-id", ""),
            )
        message = rest_answers.error_message(reply.body)
        if reply.status not in _ERRORS:
            return Failure(
                kind=ProtocolError,
                code=ProtocolError.default_code,
                message=f"{self.place} answered with HTTP's status {reply.status}, "
                f"which no model server does. {message}".rstrip(),
            )
        code = code_of_status(reply.status)
        return Failure(
            kind=error_type(code),
            code=code,
            message=message or f"HTTP's status {reply.status} without a reason.",
            retry_after_s=parse_retry_after(reply.headers.get("retry-after")),
        )

    def outputs(
        self, answer: Success, signature: SignatureInfo
    ) -> tuple[dict[str, Array], int | None]:
        """Reads a prediction of either format."""
        return rest_answers.read_outputs(answer.body, signature.outputs), None

    def classes(self, answer: Success) -> tuple[tuple[tuple[str, float], ...], ...]:
        """Reads a classification."""
        return rest_answers.read_classes(answer.body)

    def values(self, answer: Success) -> Array:
        """Reads a regression."""
        return rest_answers.read_values(answer.body)

    def versions(self, answer: Success) -> tuple[VersionStatus, ...]:
        """Reads a status."""
        return rest_answers.read_versions(answer.body)

    def signatures(self, answer: Success) -> ModelMetadata:
        """Reads metadata."""
        return rest_answers.read_metadata(answer.body)

    def _post(self, api: str, name: str, content: dict[str, Any]) -> HttpRequest:
        document = {"signature_name": name, **content}
        try:
            text = json.dumps(document, default=_as_json, separators=(",", ":"))
        except TypeError as error:
            raise InvalidRequestError(f"{error}.") from error
        return HttpRequest(
            method="POST", path=f"{self._path}:{api}", body=text.encode()
        )


def _as_json(value: Any) -> Any:
    """What JSON has for a value that Python's encoder does not know."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a value is a {type(value).__name__}, which JSON has no word for")


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
