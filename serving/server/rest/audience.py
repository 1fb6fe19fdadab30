"""Who is told of answered requests, many at once where many are answered at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from serving.server.rest.http_message import AnsweredRequest
from serving.server.rest.options import Observer


class Audience:
    """The observers of one server."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        """Takes whoever is to be told; may be empty."""
        self._observers = tuple(observers)
        self._held: list[AnsweredRequest] | None = None

    def __bool__(self) -> bool:
        return bool(self._observers)

    def tell(self, answered: AnsweredRequest) -> None:
        """Tells of one request: now, or at the end of `together`."""
        if self._held is not None:
            self._held.append(answered)
            return
        for observer in self._observers:
            observer((answered,))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Tells once of all that is answered inside; nothing may be awaited there."""
        held = self._held = []
        try:
            yield
        finally:
            self._held = None
            if held:
                for observer in self._observers:
                    observer(held)
