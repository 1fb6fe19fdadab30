"""Answers together what comes in one turn of the event loop.

Under load a turn brings many requests of a few rows each. Looked at one by one, each
would pay for arrays, a call, metrics and an answer of its own; here they are read into
one block, run as one and written as one. Whatever is not plain, or fails, goes the
usual way (ModelApi), one by one, and gets the very same answer there: this is a
shortcut for the common request, and its rules are those of predict_request.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from serving.server.core import Backend, Servable
from serving.server.gathering import Gathering
from serving.server.packed_rows import PackedRows
from serving.server.ran_rows import RanRows
from serving.server.rest.audience import Audience
from serving.server.rest.clean_values import clean_rows
from serving.server.rest.http_message import Answer, HttpRequest
from serving.server.rest.input_plan import SignaturePlan
from serving.server.rest.options import RestOptions
from serving.server.rest.predict_answer import predict_answers
from serving.server.rest.routes import Route, find_route
from serving.server.status import ServingError

DEFAULT_SIGNATURE = "serving_default"
_MAX_BODY_BYTES = 32 << 10
"""Longer bodies are worth a call of their own, and reading them a turn of theirs. With
32 rows of 31 features a body (23 kB) a row costs a tenth less together than alone."""

_QUIET_TURNS = 12
"""Turns without a new request after which nobody else is waited for. With 1 a client
that is slower than the server for a moment halves the batches of 64 connections; 12
cost one connection nothing that can be measured."""
_LONGEST_GATHERING_S = 0.002

OnAnswer = Callable[[HttpRequest, Answer | None], None]
"""Takes the answer of a request; None: it must go the usual way."""
FindPlan = Callable[[Servable, str], SignaturePlan]


@dataclass(kw_only=True, slots=True)
class _Waiting:
    """A request and what is known of it.

    Attributes:
        on_answer: Whose it is.
        rows: Its instances.
    """

    request: HttpRequest
    on_answer: OnAnswer
    rows: list[Any]


class PredictTurn:
    """The requests of the current turn."""

    def __init__(
        self,
        backend: Backend,
        options: RestOptions,
        plan: FindPlan,
        audience: Audience,
    ) -> None:
        """Takes the models, the limits, and what plans a signature's inputs.

        Args:
            backend: The models.
            options: The server's.
            plan: Returns the plan of a version's signature; raises ServingError.
            audience: Whom `OnAnswer` tells.
        """
        self._audience = audience
        self._backend = backend
        self._options = options
        self._plan = plan
        self._gathering = Gathering(
            self._answer_all, quiet_turns=_QUIET_TURNS, longest_s=_LONGEST_GATHERING_S
        )
        self._tasks: set[asyncio.Task[None]] = set()
        # Of the requests that are being collected: what holds for the first holds for
        # the others, and is looked at again when they run.
        self._shared_path = b""

    def take(self, request: HttpRequest, on_answer: OnAnswer) -> bool:
        """Takes a request, if it looks like one of many.

        Args:
            request: Any.
            on_answer: Is called once in a later turn of the loop, if it is taken.

        Returns:
            Whether it is taken.
        """
        if (
            request.method != "POST"
            or request.refusal is not None
            or len(request.body) > _MAX_BODY_BYTES
            or not request.path.endswith(b":predict")
        ):
            return False
        if request.body.find(b"{", 1) < 0:
            return False  # its rows are no objects
        if request.path != self._shared_path and not self._is_shared(request.path):
            return False
        rows = _rows(request.body)
        if rows is None or len(rows) > self._options.max_instances:
            return False
        self._gathering.add(_Waiting(request=request, on_answer=on_answer, rows=rows))
        return True

    def _is_shared(self, path: bytes) -> bool:
        """Tells whether the model of a path may run requests as one, at this moment."""
        try:
            servable = self._backend.servable(find_route("POST", path).spec)
        except ServingError:
            return False
        is_shared = servable.shared_rows(DEFAULT_SIGNATURE) > 0
        self._shared_path = path if is_shared else b""
        return is_shared

    def _answer_all(self, waiting: list[_Waiting]) -> None:
        self._shared_path = b""
        by_path: dict[bytes, list[_Waiting]] = {}
        for one in waiting:
            by_path.setdefault(one.request.path, []).append(one)
        for path, group in by_path.items():
            self._answer_path(path, group)

    def _answer_path(self, path: bytes, group: Sequence[_Waiting]) -> None:
        try:
            route = find_route("POST", path)
            servable = self._backend.servable(route.spec)
            limit = servable.shared_rows(DEFAULT_SIGNATURE)
            plan = self._plan(servable, DEFAULT_SIGNATURE) if limit else None
        except ServingError:
            plan = None
        if plan is None:
            _send_back(group)
            return
        for part in _parts(group, limit):
            shared = _Shared(route, servable, plan, part, self._audience)
            inputs = shared.inputs()
            if inputs is None:
                _send_back(part)
            else:
                self._run(shared, inputs)

    def _run(self, shared: "_Shared", inputs: PackedRows) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.Task(shared.run(inputs), loop=loop, eager_start=True)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


class _Shared:
    """Requests for one version that are run as one."""

    def __init__(
        self,
        route: Route,
        servable: Servable,
        plan: SignaturePlan,
        group: Sequence[_Waiting],
        audience: Audience,
    ) -> None:
        self._audience = audience
        self.group = group
        self._route = route
        self._servable = servable
        self._plan = plan

    def inputs(self) -> PackedRows | None:
        """Returns all rows; None: some are not plain."""
        num_inputs = len(self._plan.inputs)
        rows: list[Any] = []
        for one in self.group:
            # More colons than names: a name may be there twice (check_names_once).
            if one.request.body.count(b":") != 1 + len(one.rows) * num_inputs:
                return None
            rows += one.rows
        found = clean_rows(rows, self._plan)
        return found if isinstance(found, PackedRows) else None

    async def run(self, inputs: PackedRows) -> None:
        """Runs the rows and hands out the answers."""
        sizes = [len(one.rows) for one in self.group]
        try:
            outputs = await self._servable.run(
                DEFAULT_SIGNATURE, inputs, num_requests=len(sizes)
            )
            bodies = predict_answers(outputs, sizes)
        except Exception:  # noqa: BLE001 - each gets its own error on the usual way
            _send_back(self.group)
            return
        with self._audience.together():
            ran = RanRows(signature=DEFAULT_SIGNATURE, inputs=inputs, outputs=outputs)
            self._hand_out(bodies, sizes, ran)

    def _hand_out(
        self, bodies: Sequence[bytes], sizes: Sequence[int], ran: RanRows
    ) -> None:
        api, model, servable = self._route.api, self._route.spec.name, self._servable
        first_row = 0
        for one, body, size in zip(self.group, bodies, sizes, strict=True):
            answer = Answer(
                body=body,
                api=api,
                model=model,
                servable=servable,
                num_rows=size,
                ran=ran,
                first_row=first_row,
            )
            first_row += size
            one.on_answer(one.request, answer)


def _rows(body: bytes) -> list[Any] | None:
    """Returns the instances of a body that holds nothing else; None: it is not so."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(document) is not dict or len(document) != 1:
        return None
    rows = document.get("instances")
    is_plain = type(rows) is list and bool(rows) and type(rows[0]) is dict
    return rows if is_plain else None


def _parts(group: Sequence[_Waiting], limit: int) -> list[Sequence[_Waiting]]:
    """Cuts a group so that no part but one of a single request has too many rows."""
    if sum([len(one.rows) for one in group]) <= limit:
        return [group]
    parts: list[list[_Waiting]] = [[]]
    num_rows = 0
    for one in group:
        if parts[-1] and num_rows + len(one.rows) > limit:
            parts.append([])
            num_rows = 0
        parts[-1].append(one)
        num_rows += len(one.rows)
    return list(parts)


def _send_back(group: Sequence[_Waiting]) -> None:
    for one in group:
        one.on_answer(one.request, None)
