"""Predict calls whose requests are written before the clock starts.

A client turns arrays into messages and back, which for 512 rows takes as long as the
answer. What is measured here is the server's time: bytes go out, bytes come in, and are
read afterwards.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
import numpy.typing as npt

from serving.client.tensor_proto import fill_tensor, tensor_array
from serving.client.wire_messages import new_message, parse_message
from serving.server_check.errors import CheckFailedError
from serving.server_check.server_address import DIRECTLY

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
# An answer of any size is read, as our clients do.
_ANY_SIZE = ("grpc.max_receive_message_length", -1)
# Callers of one process would share a connection otherwise.
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedRequest:
    """One request.

    Attributes:
        places: Numbers of the golden rows it holds, in order.
        content: The PredictRequest on the wire.
    """

    places: Sequence[int]
    content: bytes


def prepare(
    model: str, columns: Arrays, first: int = 0, num_rows: int = 1
) -> PreparedRequest:
    """Writes the request of some rows to `serving_default`.

    Args:
        model: Its name.
        columns: Input name to array [golden rows].
        first: Number of the first golden row.
        num_rows: How many; after the last golden row comes the first again.
    """
    total = len(next(iter(columns.values())))
    places = [(first + step) % total for step in range(num_rows)]
    message = new_message("PredictRequest")
    message.model_spec.name = model
    for name, values in columns.items():
        fill_tensor(message.inputs[name], np.asarray(values[places]))
    return PreparedRequest(places=places, content=message.SerializeToString())


class PreparedCaller:
    """One gRPC connection."""

    def __init__(self, target: str, timeout_s: float) -> None:
        """Connects with the first call.

        Args:
            target: Host and port.
            timeout_s: Of one call.
        """
        self._timeout_s = timeout_s
        options = (_ANY_SIZE, _OWN_CONNECTION, *DIRECTLY)
        self._channel = grpc.insecure_channel(target, options=options)
        self._predict = self._channel.unary_unary(_PREDICT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()

    def call(self, request: PreparedRequest) -> tuple[float, bytes]:
        """Returns the seconds until the answer was there, and the answer.

        Raises:
            CheckFailedError: There is none.
        """
        started = time.perf_counter()
        try:
            answer: bytes = self._predict(request.content, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise CheckFailedError(
                f"over gRPC, {len(request.places)} rows get no answer: "
                f"{error.code().name}: {error.details()}"
            ) from error
        return time.perf_counter() - started, answer


def read_answer(answer: bytes) -> Arrays:
    """Returns the outputs of a PredictResponse.

    Raises:
        CheckFailedError: The bytes are none.
    """
    try:
        message = parse_message("PredictResponse", answer)
        return {name: tensor_array(proto) for name, proto in message.outputs.items()}
    except ValueError as error:
        raise CheckFailedError(
            f"over gRPC, an answer cannot be read: {error}."
        ) from error
