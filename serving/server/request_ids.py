"""Names for requests whose client gave them none."""

import os


class RequestIds:
    """Ids that are unique over processes and restarts."""

    def __init__(self) -> None:
        """Starts a new series."""
        self._prefix = os.urandom(8).hex()
        self._number = 0

    def next(self) -> str:
        """Returns another id, such as "9f86d081884c7d65-2a"."""
        self._number += 1
        return f"{self._prefix}-{self._number:x}"
