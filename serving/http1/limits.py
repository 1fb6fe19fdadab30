"""What clients may ask of a connection."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """How a client connection behaves.

    Attributes:
        read_timeout_s: From a request's first byte to its last; then 408.
        keep_alive_s: How long a connection may stay silent between requests.
        write_timeout_s: How long a client may leave an answer unread.
        max_connections: One more gets 503 and is closed.
        max_head_bytes: Of request line and headers; more: 431.
        max_body_bytes: Of a body as sent; more: 413.
        max_held_bytes: Of all bodies in memory together; more: 503.
        max_pipelined: Requests of one connection that may wait; the client's next
            bytes are not read until there is room.
    """

    read_timeout_s: float = 60.0
    keep_alive_s: float = 75.0
    write_timeout_s: float = 60.0
    max_connections: int = 4096
    max_head_bytes: int = 64 << 10
    max_body_bytes: int = 64 << 20
    max_held_bytes: int = 1 << 30
    max_pipelined: int = 32
