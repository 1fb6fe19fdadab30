"""Requests whose bytes are no message of their type are refused in words.

Left to gRPC for Python such a request gets UNKNOWN and writes a traceback into the log;
gRPC for C++, and so TF Serving, answers INTERNAL.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass(frozen=True, slots=True)
class UnreadableRequest:
    """What a method gets instead of its message.

    Attributes:
        reason: Protobuf's.
    """

    reason: str


class ForgivingServer:
    """Takes services for a server; give it to what registers them."""

    def __init__(
        self, server: Any, readers: Mapping[str, Callable[[bytes], Any]]
    ) -> None:
        """Takes a grpc.aio.Server.

        Args:
            server: Gets the services.
            readers: By full name, such as "/tensorflow.serving.PredictionService/
                Predict": what reads a method's requests instead of protobuf.
        """
        self._server = server
        self._readers = readers

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        """Registers the handlers of a service."""
        self._server.add_generic_rpc_handlers(
            tuple(_ForgivingHandler(handler, self._readers) for handler in handlers)
        )


class _ForgivingHandler(grpc.GenericRpcHandler):
    def __init__(
        self, handler: Any, readers: Mapping[str, Callable[[bytes], Any]]
    ) -> None:
        self._handler = handler
        self._readers = readers
        self._methods: dict[str, Any] = {}

    def service(self, handler_call_details: Any) -> Any:
        """Returns the handler of a method; None: it is none of the service's."""
        name = handler_call_details.method
        found = self._methods.get(name)
        if found is not None:
            return found
        method = self._handler.service(handler_call_details)
        if method is None:
            return None
        self._methods[name] = grpc.unary_unary_rpc_method_handler(
            method.unary_unary,
            request_deserializer=_forgiving(
                self._readers.get(name, method.request_deserializer)
            ),
            response_serializer=method.response_serializer,
        )
        return self._methods[name]


def _forgiving(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except Exception as error:  # noqa: BLE001 - protobuf raises what it likes
            return UnreadableRequest(str(error))

    return read
