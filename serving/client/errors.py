"""What can go wrong with a call, one type for each thing a caller can do about it.

    InvalidRequestError     mend the request
    ModelNotFoundError      mend the model's name, version or label
    OverloadedError         send less, or later; retried already
    UnavailableError        look after the server; retried already
    DeadlineExceededError   allow more time, or send fewer rows
    ServerFaultError        look into the server's log
    ProtocolError           mend the address: whoever answers is no model server

Source: google/rpc/code.proto for the codes; model_servers/http_server.cc of TF
Serving, ToHTTPStatusCode, for the statuses of HTTP.
"""

from collections.abc import Mapping
from typing import ClassVar


class ServingClientError(Exception):
    """A call that gave no answer; never raised itself.

    Attributes:
        message: What is wrong, in the server's words where it gave some.
        code: Name of gRPC's code, such as "INVALID_ARGUMENT", for REST as well.
        request_id: That the server's log has; "": the request was not sent.
        attempts: How often it was sent, or tried to be; 0: it was refused here.
    """

    default_code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self, message: str, code: str = "", request_id: str = "", attempts: int = 0
    ) -> None:
        """Says what is wrong.

        Args:
            message: See above.
            code: See above; "": the usual one of this type.
            request_id: See above.
            attempts: See above.
        """
        super().__init__(message, code, request_id, attempts)
        self.message = message
        self.code = code or self.default_code
        self.request_id = request_id
        self.attempts = attempts

    def __str__(self) -> str:
        """Returns code and message, and the attempts where there were several."""
        tries = f" ({self.attempts} attempts)" if self.attempts > 1 else ""
        return f"{self.code}: {self.message}{tries}"


class InvalidRequestError(ServingClientError):
    """The model does not take this request: the same again would fail again."""

    default_code = "INVALID_ARGUMENT"


class ModelNotFoundError(ServingClientError):
    """The server has no such model, version or label that answers."""

    default_code = "NOT_FOUND"


class OverloadedError(ServingClientError):
    """The server has more requests than it takes; those retries were too few."""

    default_code = "RESOURCE_EXHAUSTED"


class UnavailableError(ServingClientError):
    """Nobody answers, or the server says that it cannot now."""

    default_code = "UNAVAILABLE"


class DeadlineExceededError(ServingClientError):
    """The call's time is over; the server may have done the work all the same."""

    default_code = "DEADLINE_EXCEEDED"


class ServerFaultError(ServingClientError):
    """The server failed, or refuses what is not the request's fault."""

    default_code = "INTERNAL"


class ProtocolError(ServingClientError):
    """An answer came that is not TF Serving's."""

    default_code = "INTERNAL"


_TYPES: Mapping[str, type[ServingClientError]] = {
    "INVALID_ARGUMENT": InvalidRequestError,
    "FAILED_PRECONDITION": InvalidRequestError,
    "OUT_OF_RANGE": InvalidRequestError,
    "NOT_FOUND": ModelNotFoundError,
    "RESOURCE_EXHAUSTED": OverloadedError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": DeadlineExceededError,
}
_STATUS_CODES: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    # A proxy's word for a server that it does not reach.
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_CLIENT_FAULTS = range(400, 500)


def error_type(code: str) -> type[ServingClientError]:
    """Returns the type for a code; ServerFaultError for those with none of their own.

    Args:
        code: Name of gRPC's code.
    """
    return _TYPES.get(code, ServerFaultError)


def status_code(http_status: int) -> str:
    """Returns the name of gRPC's code that a status of HTTP stands for.

    Args:
        http_status: 400 to 599. 400 stands for three codes, of which
            INVALID_ARGUMENT is returned; so do statuses that TF Serving does not use.
    """
    if http_status in _STATUS_CODES:
        return _STATUS_CODES[http_status]
    return "INVALID_ARGUMENT" if http_status in _CLIENT_FAULTS else "INTERNAL"
