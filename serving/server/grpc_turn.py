"""Runs gRPC's predict requests of neighbouring turns of the event loop as one.

gRPC hands over one call a turn of the loop, or fewer: they are collected until none has
come for a while (gathering). What is packed alike then runs as one request, which costs
the queue, the metrics and the futures of one. Whatever is not, or fails, runs by
itself, and gets its own error.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from serving.server import batch_tensors
from serving.server.core import Arrays, Servable
from serving.server.gathering import Gathering
from serving.server.packed_rows import PackedRows, RowLayout, join

_QUIET_TURNS = 40
"""Turns without a new call after which nobody else is waited for. Of 4, 12 and 40, 40
gave the most calls a second at 64 connections (batches of 15 rather than 5), and cost
one connection 3 %."""
_LONGEST_GATHERING_S = 0.012
"""A call takes gRPC a third of a millisecond: 5 ms ended batches at 15 calls, and cost
64 connections a tenth of their calls a second."""


@dataclass(kw_only=True, slots=True)
class _Waiting:
    """A request.

    Attributes:
        shared: Gets the outputs; None: the request is to run by itself.
    """

    servable: Servable
    signature: str
    inputs: Arrays
    outputs: tuple[str, ...]
    shared: asyncio.Future[Arrays | None]

    @property
    def num_rows(self) -> int:
        """Rows where they are packed; else 1, for it runs by itself."""
        return self.inputs.num_rows if isinstance(self.inputs, PackedRows) else 1


_Key = tuple[int, str, tuple[str, ...], RowLayout]


class GrpcTurn:
    """The requests of the current turns."""

    def __init__(self) -> None:
        """Has none."""
        self._gathering = Gathering(
            self._answer_all, quiet_turns=_QUIET_TURNS, longest_s=_LONGEST_GATHERING_S
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(
        self,
        servable: Servable,
        signature: str,
        inputs: Arrays,
        outputs: tuple[str, ...],
    ) -> Arrays:
        """Answers one request; arguments, answer and errors are `Servable.run`'s."""
        shared: asyncio.Future[Arrays | None]
        shared = asyncio.get_running_loop().create_future()
        self._gathering.add(
            _Waiting(
                servable=servable,
                signature=signature,
                inputs=inputs,
                outputs=outputs,
                shared=shared,
            )
        )
        answer = await shared
        if answer is not None:
            return answer
        return await servable.run(signature, inputs, outputs)

    def _answer_all(self, waiting: list[_Waiting]) -> None:
        groups: dict[_Key, list[_Waiting]] = {}
        for one in waiting:
            if one.shared.done():
                continue  # its client hung up meanwhile
            if isinstance(one.inputs, PackedRows):
                layout = one.inputs.layout
                key = (id(one.servable), one.signature, one.outputs, layout)
                groups.setdefault(key, []).append(one)
            else:
                one.shared.set_result(None)
        for group in groups.values():
            limit = group[0].servable.shared_rows(group[0].signature)
            for part in _parts(group, limit):
                self._answer(part)

    def _answer(self, part: Sequence[_Waiting]) -> None:
        if len(part) == 1:
            part[0].shared.set_result(None)
            return
        loop = asyncio.get_running_loop()
        task = asyncio.Task(_run_together(part), loop=loop, eager_start=True)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _parts(group: Sequence[_Waiting], limit: int) -> list[list[_Waiting]]:
    """Cuts a group so that no part but one of a single request has too many rows."""
    parts: list[list[_Waiting]] = [[]]
    num_rows = 0
    for one in group:
        rows = one.num_rows
        if parts[-1] and num_rows + rows > limit:
            parts.append([])
            num_rows = 0
        parts[-1].append(one)
        num_rows += rows
    return parts


async def _run_together(part: Sequence[_Waiting]) -> None:
    """Runs requests as one and hands out the answers."""
    first = part[0]
    answers: Sequence[Arrays | None] = [None] * len(part)
    # Each gets its own error where it runs by itself.
    with contextlib.suppress(Exception):
        rows = join([row for one in part if isinstance(row := one.inputs, PackedRows)])
        outputs = await first.servable.run(
            first.signature, rows, first.outputs, num_requests=len(part)
        )
        answers = _split(outputs, [one.num_rows for one in part])
    for one, answer in zip(part, answers, strict=True):
        if not one.shared.done():  # its client hung up meanwhile
            one.shared.set_result(answer)


def _split(outputs: Arrays, sizes: Sequence[int]) -> list[Arrays]:
    """Returns the outputs of every request.

    Raises:
        ValueError: An output has not one row a request row.
    """
    num_rows = sum(sizes)
    if any(values.shape[:1] != (num_rows,) for values in outputs.values()):
        raise ValueError("An output has not one row a request row.")
    answers = batch_tensors.split(list(outputs.values()), sizes)
    return [dict(zip(outputs, answer, strict=True)) for answer in answers]
