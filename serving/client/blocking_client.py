"""The calls of the clients that block, whatever the protocol."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from serving.client.columns import Rows
from serving.client.example_features import Examples
from serving.client.model_calls import ModelCalls
from serving.client.model_info import ModelMetadata, VersionStatus
from serving.client.prediction import Classification, Prediction, Regression
from serving.client.steps import Transport, run

_DEFAULT = "serving_default"


class BlockingClient:
    """A client of one model; RestClient and GrpcClient are made of it.

    May be used by several threads. Every method raises a ServingClientError where there
    is no answer (see serving.client.errors).
    """

    def __init__(self, calls: ModelCalls, transport: Transport) -> None:
        """Takes what is said, and over what."""
        self._calls = calls
        self._transport = transport

    def __enter__(self) -> Self:
        """Returns the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the connections."""
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def predict(self, rows: Rows, *, signature: str = _DEFAULT) -> Prediction:
        """Predicts rows.

        Args:
            rows: At least one; each holds every input of the signature. None is a
                missing value: NaN, or "" for text.
            signature: Name of the signature.

        Raises:
            InvalidRequestError: A name is not the signature's, or a value does not fit.
        """
        return run(self._calls.predict(rows, signature), self._transport)

    def predict_columns(
        self, columns: Mapping[str, Any], *, signature: str = _DEFAULT
    ) -> Prediction:
        """Predicts columns: quicker than rows where there are many.

        Args:
            columns: Every input's values, all with the same number of rows: numpy
                arrays, or lists of numbers, str, bytes and None.
            signature: Name of the signature.

        Raises:
            InvalidRequestError: A name is not the signature's, or a value does not fit.
        """
        return run(self._calls.predict_columns(columns, signature), self._transport)

    def classify(
        self, examples: Examples, *, signature: str = _DEFAULT
    ) -> Classification:
        """Classifies tf.Examples.

        Args:
            examples: At least one: feature name to a value or a list of values. Whole
                numbers become int64, floats float32, text and bytes bytes; None: the
                feature is absent.
            signature: Of a classification signature.

        Raises:
            InvalidRequestError: The model has no such signature (a bundle of this
                project has none), or does not take the examples.
        """
        return run(self._calls.classify(examples, signature), self._transport)

    def regress(self, examples: Examples, *, signature: str = _DEFAULT) -> Regression:
        """Regresses tf.Examples; arguments and errors as classify's."""
        return run(self._calls.regress(examples, signature), self._transport)

    def status(self) -> tuple[VersionStatus, ...]:
        """Returns the states of the model's versions, or of the one that was named."""
        return run(self._calls.status(), self._transport)

    def metadata(self) -> ModelMetadata:
        """Returns the signatures of the version that predictions come from."""
        return run(self._calls.metadata(), self._transport)

    def is_ready(self) -> bool:
        """Returns whether a version serves; False also where nobody answers.

        It is asked once, without retries.
        """
        return run(self._calls.is_ready(), self._transport)
