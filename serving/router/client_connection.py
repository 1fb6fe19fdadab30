"""One client's connection to the router.

A client that closes its side has hung up: what runs for it is cancelled, at the
upstream too.
"""

import asyncio

from serving.http1.client_connection import ClientConnection
from serving.http1.message_reader import MessageReader
from serving.router.client_pool import ClientPool
from serving.router.http_message import ProxyAnswer, ProxyRequest, answer_parts
from serving.router.request_reader import ProxyRequestReader


class RouterConnection(ClientConnection[ProxyRequest]):
    """The protocol of one connection."""

    def __init__(self, pool: ClientPool) -> None:
        """Belongs to a pool."""
        super().__init__(pool)
        self._handler = pool.handler

    def _new_reader(self) -> MessageReader[ProxyRequest]:
        return ProxyRequestReader(self._limits, self)

    def _start(self, request: ProxyRequest) -> None:
        self._is_busy = True
        if request.refusal is not None:
            self._send(request, request.refusal)
            return
        # Runs at once up to its first wait.
        task = asyncio.Task(self._serve(request), loop=self._loop, eager_start=True)
        if not task.done():
            self._task = task

    async def _serve(self, request: ProxyRequest) -> None:
        try:
            answer = await self._handler(request)
        except asyncio.CancelledError:
            if not self._is_lost:
                raise
            return  # the client hung up: nobody is to be answered
        self._task = None
        if not self._is_lost:
            self._send(request, answer)

    def _send(self, request: ProxyRequest, answer: ProxyAnswer) -> None:
        self._is_busy = False
        self._release(len(request.body))
        closes = self._closes_after(keeps_alive=request.keeps_alive)
        for part in answer_parts(answer, request, closes=closes):
            self._transport.write(part)
        self._sent(closes=closes, is_refused=not request.method)
        if not closes and (self._waiting or self._owes_continue):
            self._pump()
