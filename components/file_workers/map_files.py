"""A Beam step that applies a function to files, in the forked workers if there are any.

Its outputs come in the order of its inputs, however many workers there are and whoever
is done first: what follows sums the same numbers in the same order.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from components.file_workers.forked_workers import current_workers

# Files whose results may wait for their turn, for each worker.
_WAITING_PER_WORKER = 2


class MapFiles(beam.DoFn):
    """Yields function(file, *arguments) for every file.

    Example:
        files | beam.ParDo(MapFiles(count_rows, "GZIP"))
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Names the work.

        Args:
            function: A module's own function, which a worker finds by its name; takes
                a path and the arguments. What it raises, this step raises.
            arguments: Passed on; pickled for every file.
        """
        super().__init__()
        self._function = function
        self._arguments = arguments
        self._waiting: deque[Future[Any]] = deque()

    def start_bundle(self) -> None:
        """Forgets the last bundle."""
        self._waiting = deque()

    def process(self, path: Any, _after: object = None) -> Iterator[Any]:
        """Works on one file, or hands it to the workers.

        Args:
            path: The file.
            _after: A side input that has to be there first; not read.
        """
        workers = current_workers()
        if workers is None:
            yield self._function(path, *self._arguments)
            return
        future = workers.executor.submit(self._function, path, *self._arguments)
        self._waiting.append(future)
        if len(self._waiting) > _WAITING_PER_WORKER * workers.num_workers:
            yield self._waiting.popleft().result()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Yields what the workers still had."""
        window = GlobalWindow()
        while self._waiting:
            result = self._waiting.popleft().result()
            yield WindowedValue(result, window.start, [window])
