"""What is handed to the log: arrays as they were run, and a few facts a request.

Nothing is converted here. The arrays are kept by reference and must not be changed
afterwards; the writer's thread makes columns of them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.contract import Contract

Columns = Mapping[str, npt.NDArray[Any]]
"""Name to array [rows, …]: numbers (NaN: missing), or object of bytes or str ("" and
None: missing)."""

Rows = tuple[Columns, Columns]
"""Inputs and outputs of the same rows."""

TransformRows = Callable[[list[bytes]], Columns]
"""Takes serialized tf.Examples, gives the transformed features [rows, …]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientFacts:
    """What a client or a router said of its request in headers; "": nothing.

    Attributes:
        event_time: `x-slipway-event-time`: when what is predicted took place, ISO 8601;
            without an offset UTC is meant.
        key: `x-slipway-key`: names the rows, percent-encoded, a comma between two.
        variant: `x-slipway-variant`: the arm of a rollout.
    """

    event_time: str = ""
    key: str = ""
    variant: str = ""


NO_FACTS = ClientFacts()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoggedModel:
    """The version that answered; make one a version and use it for all its requests.

    Attributes:
        name: The model's.
        version: Its number.
        bundle_digest: The contract's; "" where it has none.
        contract: Types the columns; None: the arrays do.
        transform: Runs `transform_features` in the session that serves; None: there is
            no such session at hand, and `transformed` stays null.
    """

    name: str
    version: int
    bundle_digest: str = ""
    contract: Contract | None = None
    transform: TransformRows | None = None


@dataclass(kw_only=True, slots=True)
class LoggedRequest:
    """One answered request.

    Attributes:
        model: The version that answered.
        request_id: The client's, or the one made for it.
        signature: The signature's name.
        rows: Inputs and outputs, of equally many rows; or a function that reads them,
            called in the writer's thread: what it raises is counted as a drop.
        num_rows: Of the request, >= 1.
        latency_s: Server's time from the whole request to its answer.
        answered_us: When, microseconds since 1970 UTC; None: now.
        facts: The client's.
    """

    model: LoggedModel
    request_id: str
    rows: Rows | Callable[[], Rows]
    num_rows: int
    latency_s: float
    signature: str = "serving_default"
    answered_us: int | None = None
    facts: ClientFacts = NO_FACTS


@dataclass(kw_only=True, slots=True)
class LoggedBatch:
    """Requests whose rows ran as one; lists have one entry a request.

    Attributes:
        model: The version that answered all of them.
        signature: The signature's name.
        rows: Inputs and outputs of the whole run, perhaps of more rows than are logged;
            see LoggedRequest.
        answered_us: When, microseconds since 1970 UTC.
        request_ids: See LoggedRequest.
        latencies_s: See LoggedRequest.
        first_rows: Where each request's rows begin in `rows`.
        sizes: Rows of each request, >= 1.
        facts: Of each request; empty: no client said anything.
    """

    model: LoggedModel
    signature: str
    rows: Rows | Callable[[], Rows]
    answered_us: int
    request_ids: Sequence[str]
    latencies_s: Sequence[float] | npt.NDArray[np.float64]
    first_rows: Sequence[int]
    sizes: Sequence[int]
    facts: Sequence[ClientFacts] = field(default=())


def batch_of(request: LoggedRequest) -> LoggedBatch:
    """Returns a request as a batch of its own."""
    answered_us = request.answered_us
    return LoggedBatch(
        model=request.model,
        signature=request.signature,
        rows=request.rows,
        answered_us=time.time_ns() // 1000 if answered_us is None else answered_us,
        request_ids=(request.request_id,),
        latencies_s=(request.latency_s,),
        first_rows=(0,),
        sizes=(request.num_rows,),
        facts=(request.facts,),
    )
