"""Many clients at once for a moment: every answer must come, and be right."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from serving.bundle.golden_batch import GoldenBatch
from serving.client.errors import ServingClientError
from serving.server_check.errors import CheckFailedError
from serving.server_check.golden_replay import GoldenRequests, check_answer
from serving.server_check.prepared_calls import PreparedCaller, prepare, read_answer
from serving.server_check.report import LoadResult
from serving.server_check.server_address import ServerAddress

ENOUGH = 100
_JOIN_S = 5.0
_POLL_S = 0.02

_Ask = Callable[[int], None]


@dataclass(kw_only=True, slots=True)
class _Shared:
    """What the clients have in common; each counts in a place of its own."""

    counts: list[int]
    ends: threading.Event = field(default_factory=threading.Event)
    failures: list[Exception] = field(default_factory=list)


def put_under_load(
    address: ServerAddress,
    requests: GoldenRequests,
    golden: GoldenBatch,
    *,
    num_clients: int,
    duration_s: float,
) -> LoadResult:
    """Has clients ask for one row after the other, each over a connection of its own.

    Args:
        address: Of the server.
        requests: The golden rows.
        golden: What must come of them.
        num_clients: Half of them, rounded up, over REST, the others over gRPC.
        duration_s: After it no request is sent. It ends before where each client has
            ENOUGH answers: with 8 of them, each golden row was asked for three times.

    Raises:
        CheckFailedError: A request failed or an answer was wrong: the first of them,
            and how many answers had come before.
    """
    shared = _Shared(counts=[0] * num_clients)
    threads = [
        threading.Thread(
            target=_ask_until_the_end,
            args=(
                (_over_grpc if place % 2 else _over_rest)(address, requests, golden),
                place,
                len(golden.rows),
                shared,
            ),
            daemon=True,
        )
        for place in range(num_clients)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    while time.monotonic() - started < duration_s and min(shared.counts) < ENOUGH:
        if shared.ends.wait(_POLL_S):
            break
    shared.ends.set()
    for thread in threads:
        thread.join(address.timeout_s + _JOIN_S)
    if shared.failures:
        raise CheckFailedError(
            f"with {num_clients} clients at once, after {sum(shared.counts)} right "
            f"answers: {shared.failures[0]}"
        )
    return LoadResult(
        num_clients=num_clients,
        wall_s=round(time.monotonic() - started, 3),
        num_rest=sum(shared.counts[::2]),
        num_grpc=sum(shared.counts[1::2]),
    )


def _ask_until_the_end(
    client: AbstractContextManager[_Ask], first: int, num_rows: int, shared: _Shared
) -> None:
    # Spread, so that together they ask for every row.
    row = first * num_rows // len(shared.counts)
    try:
        with client as ask:
            while not shared.ends.is_set():
                ask(row % num_rows)
                shared.counts[first] += 1
                row += 1
    except (CheckFailedError, ServingClientError) as error:
        shared.failures.append(error)
        shared.ends.set()


@contextmanager
def _over_rest(
    address: ServerAddress, requests: GoldenRequests, golden: GoldenBatch
) -> Iterator[_Ask]:
    with address.rest_client() as client:

        def ask(row: int) -> None:
            outputs = client.predict([requests.rows[row]]).outputs
            check_answer("REST", outputs, golden, [row])

        yield ask


@contextmanager
def _over_grpc(
    address: ServerAddress, requests: GoldenRequests, golden: GoldenBatch
) -> Iterator[_Ask]:
    prepared = [
        prepare(address.model, requests.columns, first=row)
        for row in range(len(golden.rows))
    ]
    with PreparedCaller(address.grpc, address.timeout_s) as caller:

        def ask(row: int) -> None:
            _, answer = caller.call(prepared[row])
            check_answer("gRPC", read_answer(answer), golden, [row])

        yield ask
