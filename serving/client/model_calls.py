"""The calls of a client, whatever the protocol and whether or not it blocks.

The signatures of a model are asked for once a version, with the first prediction:
gRPC's requests need the inputs' dtypes, and JSON has neither dtypes nor, for a single
output, its name. A version that says of itself that it is a new one is asked again;
where the server does not say (TF Serving's REST), a refused request is: it is sent once
more if the signatures have changed.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from serving.client.columns import Rows
from serving.client.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    UnavailableError,
)
from serving.client.example_features import Examples
from serving.client.exchange import Call, Success
from serving.client.model_info import ModelMetadata, SignatureInfo, VersionStatus
from serving.client.prediction import Classification, Prediction, Regression
from serving.client.retries import NO_RETRIES, RetryPolicy
from serving.client.steps import Steps
from serving.client.wire import Wire

_REMEMBERED_VERSIONS = 8
_NOT_READY = (
    # An unknown label is an invalid argument in TF Serving.
    InvalidRequestError,
    ModelNotFoundError,
    UnavailableError,
    OverloadedError,
    DeadlineExceededError,
)
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_Build = Callable[[str, SignatureInfo], Any]


class ModelCalls:
    """Calls to one model; every method gives the steps of one."""

    def __init__(
        self,
        wire: Wire,
        *,
        timeout_s: float,
        retries: RetryPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what a client is told.

        Args:
            wire: The protocol.
            timeout_s: For a whole call; above 0.
            retries: How often and how patiently.
            clock: Seconds that only grow.

        Raises:
            ValueError: timeout_s is not above 0.
        """
        if not timeout_s > 0:
            raise ValueError(f"timeout_s is {timeout_s}; expected more than 0.")
        self._wire = wire
        self._timeout_s = timeout_s
        self._retries = retries
        self._clock = clock
        self._known: dict[int, ModelMetadata] = {}
        self._newest: ModelMetadata | None = None

    def predict(self, rows: Rows, signature: str) -> Steps[Prediction]:
        """Predicts rows."""
        return self._predict(partial(self._wire.predict_rows, rows), signature)

    def predict_columns(
        self, columns: Mapping[str, Any], signature: str
    ) -> Steps[Prediction]:
        """Predicts columns."""
        return self._predict(partial(self._wire.predict_columns, columns), signature)

    def classify(self, examples: Examples, signature: str) -> Steps[Classification]:
        """Classifies tf.Examples."""
        call = self._call(self._retries)
        request = self._wire.classify(examples, signature)
        answer = yield from call.exchange(request, self._wire.read)
        return Classification(
            results=self._read(call, self._wire.classes, answer),
            model_version=answer.model_version,
            bundle_digest=answer.bundle_digest,
            request_id=answer.request_id or call.request_id,
        )

    def regress(self, examples: Examples, signature: str) -> Steps[Regression]:
        """Regresses tf.Examples."""
        call = self._call(self._retries)
        request = self._wire.regress(examples, signature)
        answer = yield from call.exchange(request, self._wire.read)
        return Regression(
            values=self._read(call, self._wire.values, answer),
            model_version=answer.model_version,
            bundle_digest=answer.bundle_digest,
            request_id=answer.request_id or call.request_id,
        )

    def status(self) -> Steps[tuple[VersionStatus, ...]]:
        """Asks for the versions' states."""
        return self._status(self._call(self._retries))

    def metadata(self) -> Steps[ModelMetadata]:
        """Asks for the signatures."""
        return self._fetch(self._call(self._retries), None)

    def is_ready(self) -> Steps[bool]:
        """Asks once whether a version serves."""
        try:
            versions = yield from self._status(self._call(NO_RETRIES))
        except _NOT_READY:
            return False
        return any(found.state == "AVAILABLE" for found in versions)

    def _predict(self, build: _Build, name: str) -> Steps[Prediction]:
        call = self._call(self._retries)
        known = self._newest
        refusal: InvalidRequestError | None = None
        if known is not None:
            try:
                return (yield from self._predict_by(call, known, build, name))
            except InvalidRequestError as error:
                refusal = error
        current = yield from self._fetch(call, None)
        if refusal is not None and known is not None and _are_same(known, current):
            raise refusal
        return (yield from self._predict_by(call, current, build, name))

    def _predict_by(
        self, call: Call, metadata: ModelMetadata, build: _Build, name: str
    ) -> Steps[Prediction]:
        request = build(name, self._signature(call, metadata, name))
        answer = yield from call.exchange(request, self._wire.read)
        if answer.model_version not in (None, metadata.version):
            try:
                metadata = yield from self._metadata_of(call, answer.model_version)
            except ModelNotFoundError:
                # It was swapped out since: what was asked by reads its answer, too.
                self._newest = None
        signature = self._signature(call, metadata, name)
        outputs, version = self._read(
            call, partial(self._wire.outputs, signature=signature), answer
        )
        if answer.model_version is not None:
            version = answer.model_version
        return Prediction(
            outputs=outputs,
            model_version=version,
            bundle_digest=answer.bundle_digest,
            request_id=answer.request_id or call.request_id,
        )

    def _signature(
        self, call: Call, metadata: ModelMetadata, name: str
    ) -> SignatureInfo:
        found = metadata.signatures.get(name)
        if found is None:
            known = ", ".join(map(repr, sorted(metadata.signatures)))
            raise InvalidRequestError(
                f"version {metadata.version} has no signature {name!r}; it has "
                f"{known or 'none'}.",
                request_id=call.request_id,
            )
        return found

    def _metadata_of(self, call: Call, version: int | None) -> Steps[ModelMetadata]:
        known = self._known.get(version) if version is not None else None
        if known is None:
            known = yield from self._fetch(call, version)
        self._newest = known
        return known

    def _fetch(self, call: Call, version: int | None) -> Steps[ModelMetadata]:
        answer = yield from call.exchange(self._wire.metadata(version), self._wire.read)
        found: ModelMetadata = self._read(call, self._wire.signatures, answer)
        if len(self._known) >= _REMEMBERED_VERSIONS:
            self._known = {}
        self._known[found.version] = self._newest = found
        return found

    def _status(self, call: Call) -> Steps[tuple[VersionStatus, ...]]:
        answer = yield from call.exchange(self._wire.status(), self._wire.read)
        found: tuple[VersionStatus, ...] = self._read(call, self._wire.versions, answer)
        return found

    def _call(self, retries: RetryPolicy) -> Call:
        return Call(
            place=self._wire.place,
            timeout_s=self._timeout_s,
            retries=retries,
            clock=self._clock,
        )

    def _read(self, call: Call, read: Callable[[Success], Any], answer: Success) -> Any:
        """Reads an answer; what is wrong with it is not the request's fault."""
        try:
            return read(answer)
        except _UNREADABLE as error:
            raise ProtocolError(
                f"{self._wire.place} gave an answer that is not TF Serving's: "
                f"{type(error).__name__}: {error}",
                request_id=call.request_id,
                attempts=call.num_attempts,
            ) from error


def _are_same(known: ModelMetadata, current: ModelMetadata) -> bool:
    return known.signatures == current.signatures
