"""The calls of the clients for asyncio, whatever the protocol."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from serving.client.columns import Rows
from serving.client.example_features import Examples
from serving.client.model_calls import ModelCalls
from serving.client.model_info import ModelMetadata, VersionStatus
from serving.client.prediction import Classification, Prediction, Regression
from serving.client.steps import AsyncTransport, run_async

_DEFAULT = "serving_default"


class AsyncClient:
    """A client of one model; AsyncRestClient and AsyncGrpcClient are made of it.

    Belongs to the loop that it is first used in. The methods are BlockingClient's,
    as coroutines; one that is cancelled ends its request.
    """

    def __init__(self, calls: ModelCalls, transport: AsyncTransport) -> None:
        """Takes what is said, and over what."""
        self._calls = calls
        self._transport = transport

    async def __aenter__(self) -> Self:
        """Returns the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the connections."""
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def predict(self, rows: Rows, *, signature: str = _DEFAULT) -> Prediction:
        """Predicts rows; see BlockingClient.predict."""
        return await run_async(self._calls.predict(rows, signature), self._transport)

    async def predict_columns(
        self, columns: Mapping[str, Any], *, signature: str = _DEFAULT
    ) -> Prediction:
        """Predicts columns; see BlockingClient.predict_columns."""
        return await run_async(
            self._calls.predict_columns(columns, signature), self._transport
        )

    async def classify(
        self, examples: Examples, *, signature: str = _DEFAULT
    ) -> Classification:
        """Classifies tf.Examples; see BlockingClient.classify."""
        return await run_async(
            self._calls.classify(examples, signature), self._transport
        )

    async def regress(
        self, examples: Examples, *, signature: str = _DEFAULT
    ) -> Regression:
        """Regresses tf.Examples; see BlockingClient.regress."""
        return await run_async(
            self._calls.regress(examples, signature), self._transport
        )

    async def status(self) -> tuple[VersionStatus, ...]:
        """Returns the states of the model's versions, or of the one that was named."""
        return await run_async(self._calls.status(), self._transport)

    async def metadata(self) -> ModelMetadata:
        """Returns the signatures of the version that predictions come from."""
        return await run_async(self._calls.metadata(), self._transport)

    async def is_ready(self) -> bool:
        """Returns whether a version serves; see BlockingClient.is_ready."""
        return await run_async(self._calls.is_ready(), self._transport)
