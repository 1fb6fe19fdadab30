"""Runs one signature: requests that wait are answered by one call of the graph.

With a time-out of 0 nobody waits for others. A batch that takes but a moment runs on
the event loop, once all that came in the same turn of the loop has queued: handing it
to a thread and back would cost more than it does. A longer one runs in a thread of the
pool, and the next batch is what queued meanwhile. One request at a time loses nothing,
many at a time share the cost of a call.

Requests share a batch if their rows have the same sizes. A request whose client hung
up is left out; if a batch fails, its requests are run one by one, so that one bad row
fails nobody else's.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from serving.server import batch_tensors
from serving.server.batching_parameters import BatchingParameters
from serving.server.call_times import CallTimes
from serving.server.graph_session import run_error
from serving.server.status import Code, ServingError
from serving.server.worker_pool import WorkerPool

Array = npt.NDArray[Any]
Call = Callable[..., Sequence[Array]]
OnBatch = Callable[[int, float], None]
"""Takes a batch's rows, filling included, and how long its first request waited, s."""

# Below this a second thread would only wait for Python's lock, and batches be smaller.
_SHORT_RUN_S = 0.001
# The longest the event loop may stand still for a batch.
_MOMENT_S = 0.003


class _Request:
    """One request in the queue.

    Attributes:
        rows: Of its inputs; 0 where it must run by itself.
        shapes: What requests of one batch have in common.
        owner: Kept alive until the request is answered, also if its client hung up.
        queued_s: When it came, on the monotonic clock.
    """

    __slots__ = ("future", "inputs", "loop", "owner", "queued_s", "rows", "shapes")

    def __init__(
        self, inputs: list[Array], rows: int, shapes: Any, owner: object
    ) -> None:
        self.inputs = inputs
        self.rows = rows
        self.shapes = shapes
        self.owner = owner
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Sequence[Array]] = self.loop.create_future()
        self.queued_s = time.monotonic()


class Batcher:
    """The queue of one signature and one set of outputs."""

    def __init__(
        self,
        call: Call,
        parameters: BatchingParameters,
        pool: WorkerPool,
        on_batch: OnBatch,
        *,
        ends_surely: bool = False,
    ) -> None:
        """Takes requests from now on.

        Args:
            call: Takes one array an input, gives one an output.
            parameters: How to batch.
            pool: Whose threads call it.
            on_batch: Hears of every batch.
            ends_surely: Whether a call runs in the thread that makes it, and its time
                depends on the number of rows only: short ones may then run on the event
                loop.
        """
        self._on_batch = on_batch
        self._call = call
        self._parameters = parameters
        self._pool = pool
        self._max_rows = parameters.max_batch_size
        self._puts_together = self._max_rows > 0
        self._capacity = max(self._max_rows, 1) * parameters.max_enqueued_batches
        self._queue: deque[_Request] = deque()
        self._queued_rows = 0
        self._changed = threading.Condition(threading.Lock())
        self._num_active = 0
        self._times = CallTimes()
        self._may_stay = (
            ends_surely and self._puts_together and not parameters.batch_timeout_s
        )

    @property
    def num_waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    async def run(
        self, inputs: list[Array], rows: int, owner: object = None
    ) -> Sequence[Array]:
        """Answers one request.

        Args:
            inputs: [rows, …] each.
            rows: How many; 0: there is no common number, it runs by itself.
            owner: Whatever must not be gone while the graph runs.

        Returns:
            The outputs, [rows, …] each.

        Raises:
            ServingError: RESOURCE_EXHAUSTED: the queue is full. INVALID_ARGUMENT: the
                graph refuses the request, or it has too many rows.
        """
        request = _Request(inputs, rows, self._shapes(inputs), owner)
        self._enqueue(request)
        return await request.future

    def _shapes(self, inputs: Sequence[Array]) -> Any:
        """Returns what requests of one batch have in common."""
        if self._parameters.pad_variable_length_inputs:
            return [values.ndim for values in inputs]
        return [values.shape[1:] for values in inputs]

    def _enqueue(self, request: _Request) -> None:
        weight = request.rows or 1
        if weight > self._max_rows and not self._parameters.takes_larger_requests:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Task size {weight} is larger than maximum input batch size "
                f"{self._max_rows}",
            )
        with self._changed:
            if self._queue and self._queued_rows + weight > self._capacity:
                raise ServingError(
                    Code.RESOURCE_EXHAUSTED,
                    "The batch scheduling queue to which this task was submitted is "
                    "full",
                )
            self._queue.append(request)
            self._queued_rows += weight
            needs_worker = self._num_active < self._max_active()
            if needs_worker:
                self._num_active += 1
            elif self._parameters.batch_timeout_s:
                self._changed.notify()
        if not needs_worker:
            return
        if self._takes_a_moment():
            request.loop.call_soon(self._work_on, request.loop)
        else:
            self._pool.submit(self._work)

    def _takes_a_moment(self) -> bool:
        """Tells whether the next batch may run on the event loop."""
        rows = min(self._queued_rows, self._max_rows)
        return self._may_stay and self._times.expected_s(rows) < _MOMENT_S

    def _max_active(self) -> int:
        is_short = self._puts_together and self._times.typical_s < _SHORT_RUN_S
        return 1 if is_short else self._pool.size

    def _work_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs what queued in this turn of the loop, or leaves it to a thread."""
        if self._takes_a_moment():
            batch = self._take()
            if not batch:
                return
            self._answer(batch, loop)
            if self._retires():
                return
        self._pool.submit(self._work)

    def _retires(self) -> bool:
        """Takes a worker off where nothing waits."""
        with self._changed:
            if not self._queue:
                self._num_active -= 1
                return True
            return False

    def _work(self) -> None:
        """Runs batches until none waits; gives way to other signatures in between."""
        while True:
            batch = self._take()
            if not batch:
                return
            self._answer(batch)
            loop = batch[0].loop
            del batch
            if self._takes_a_moment() and _call_soon(loop, self._work_on, loop):
                return
            if self._pool.has_waiting:
                self._pool.submit(self._work)
                return

    def _take(self) -> list[_Request]:
        """Returns the next batch; none: the worker is off."""
        with self._changed:
            self._wait_for_others()
            if not self._queue:
                self._num_active -= 1
                return []
            batch = [self._queue.popleft()]
            if batch[0].rows and self._puts_together:
                self._add_others(batch)
            self._queued_rows -= sum(request.rows or 1 for request in batch)
            return batch

    def _add_others(self, batch: list[_Request]) -> None:
        """Moves what fits from the queue to a batch of one; the rest stays in order."""
        first = batch[0]
        free = self._max_rows - first.rows
        passed_over = []
        while self._queue and free > 0:
            other = self._queue.popleft()
            if not other.rows or other.shapes != first.shapes:
                passed_over.append(other)
            elif other.rows > free:
                passed_over.append(other)
                break
            else:
                batch.append(other)
                free -= other.rows
        self._queue.extendleft(reversed(passed_over))

    def _wait_for_others(self) -> None:
        """Waits until a batch is full or its first request has waited long enough."""
        timeout_s = self._parameters.batch_timeout_s
        while timeout_s and self._queue and self._queued_rows < self._max_rows:
            left_s = self._queue[0].queued_s + timeout_s - time.monotonic()
            if left_s <= 0:
                return
            self._changed.wait(left_s)

    def _answer(
        self, batch: list[_Request], here: asyncio.AbstractEventLoop | None = None
    ) -> None:
        # A future may be looked at from here, but only its loop may change it.
        live = [request for request in batch if not request.future.cancelled()]
        if not live:
            return
        waited_s = time.monotonic() - live[0].queued_s
        rows = sum(request.rows for request in live)
        self._on_batch(self._parameters.rows_to_run(rows), waited_s)
        results = self._attempt(live)
        if len(live) > 1 and isinstance(results[0], ServingError):
            results = [self._attempt([request])[0] for request in live]
        for loop in {request.loop for request in live}:
            own = [
                (request.future, result)
                for request, result in zip(live, results, strict=True)
                if request.loop is loop
            ]
            if loop is here:
                _deliver(own)
            else:
                # A closed loop took everyone who waited with it.
                _call_soon(loop, _deliver, own)

    def _attempt(self, live: list[_Request]) -> list[Any]:
        """Returns every request's outputs, or the same ServingError for all."""
        try:
            return self._run_together(live)
        except ServingError as error:
            return [error] * len(live)
        except Exception as error:  # noqa: BLE001 - TensorFlow raises what it likes
            return [run_error(error)] * len(live)

    def _run_together(self, live: list[_Request]) -> list[Any]:
        parameters = self._parameters
        rows = sum(request.rows for request in live)
        inputs = batch_tensors.merge(
            [request.inputs for request in live],
            pads_rows=parameters.pad_variable_length_inputs,
        )
        if not rows:
            return [self._timed_call(inputs)]
        wanted = parameters.rows_to_run(rows)
        outputs = self._timed_call(batch_tensors.fill_up(inputs, rows, wanted))
        if len(live) == 1 and wanted == rows:
            return [outputs]
        if any(not values.ndim or len(values) != wanted for values in outputs):
            self._puts_together = False
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the "
                "0th dimension sizes of the input tensors",
            )
        return batch_tensors.split(outputs, [request.rows for request in live])

    def _timed_call(self, inputs: Sequence[Array]) -> Sequence[Array]:
        # A call that may stay ends surely, and takes this thread's time only. The wall
        # clock would count the wait for Python's lock or a busy machine, too.
        clock = time.thread_time if self._may_stay else time.perf_counter
        started = clock()
        try:
            return self._call(*inputs)
        finally:
            rows = len(inputs[0]) if inputs and inputs[0].ndim else 1
            self._times.add(rows, clock() - started)


def _call_soon(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *facts: Any
) -> bool:
    """Calls this in a loop's own thread; False: the loop is closed."""
    try:
        loop.call_soon_threadsafe(callback, *facts)
    except RuntimeError:
        return False
    return True


def _deliver(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():  # its client hung up meanwhile
            continue
        if isinstance(result, ServingError):
            future.set_exception(result)
        else:
            future.set_result(result)
