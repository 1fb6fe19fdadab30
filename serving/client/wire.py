"""What the two protocols have in common: requests to make, replies to read."""

from collections.abc import Mapping
from typing import Any, Protocol

from serving.client.columns import Rows
from serving.client.example_features import Examples
from serving.client.exchange import Failure, Success
from serving.client.model_info import ModelMetadata, SignatureInfo, VersionStatus
from serving.client.strict_arrays import Array


class Wire(Protocol):
    """One model on one server, in one protocol; sends nothing itself.

    What makes a request raises InvalidRequestError for values that do not fit. What
    reads a body raises ValueError, KeyError, TypeError or AttributeError where it is
    not TF Serving's.

    Attributes:
        place: Address of the server, for messages.
    """

    place: str

    def predict_rows(self, rows: Rows, name: str, signature: SignatureInfo) -> Any:
        """Asks for predictions, row by row."""

    def predict_columns(
        self, columns: Mapping[str, Any], name: str, signature: SignatureInfo
    ) -> Any:
        """Asks for predictions, input by input."""

    def classify(self, examples: Examples, name: str) -> Any:
        """Asks for the classes of tf.Examples."""

    def regress(self, examples: Examples, name: str) -> Any:
        """Asks for the values of tf.Examples."""

    def status(self) -> Any:
        """Asks for the states of the versions."""

    def metadata(self, version: int | None) -> Any:
        """Asks for the signatures; None: of the version that predictions come from."""

    def read(self, reply: Any) -> Success | Failure:
        """Says whether a reply of the transport holds an answer."""

    def outputs(
        self, answer: Success, signature: SignatureInfo
    ) -> tuple[dict[str, Array], int | None]:
        """Reads a prediction: arrays, and the version if the answer itself has it."""

    def classes(self, answer: Success) -> tuple[tuple[tuple[str, float], ...], ...]:
        """Reads a classification."""

    def values(self, answer: Success) -> Array:
        """Reads a regression: float32 [examples]."""

    def versions(self, answer: Success) -> tuple[VersionStatus, ...]:
        """Reads a status."""

    def signatures(self, answer: Success) -> ModelMetadata:
        """Reads metadata."""
