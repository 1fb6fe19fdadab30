"""All client connections of a router, and what answers them."""

from collections.abc import Awaitable, Callable

from serving.http1.connection_pool import ConnectionPool
from serving.http1.limits import ConnectionLimits
from serving.router.http_message import ProxyAnswer, ProxyRequest

Handler = Callable[[ProxyRequest], Awaitable[ProxyAnswer]]
"""Answers a request; raises nothing but CancelledError, when the client hangs up."""


class ClientPool(ConnectionPool):
    """The connections of one router.

    Attributes:
        handler: Answers requests.
    """

    def __init__(self, handler: Handler, limits: ConnectionLimits) -> None:
        """Starts empty."""
        super().__init__(limits)
        self.handler = handler
