"""Asks a server or router for predictions of rows, in order of time, over REST.

A few connections that stay open share the requests; each takes the next one as soon as
its own is answered, so requests go out in the rows' order.
"""

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from benchmarks.year_replayed.year_rows import KEY
from benchmarks.year_replayed.year_settings import MODEL
from data.flights.columns import EVENT_TIME
from models.flights.features import FEATURE_KEYS

CONNECTIONS = 8
_OK = b"200"


class FeedError(RuntimeError):
    """A request was refused or not answered; the text says which and how."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What became of some rows.

    Attributes:
        num_requests: Requests that were answered.
        num_rows: Rows in them.
        probabilities: float [rows], in the rows' order.
        num_candidate: Requests that the candidate answered.
        num_candidate_rows: Rows in them.
    """

    num_requests: int
    num_rows: int
    probabilities: list[float]
    num_candidate: int
    num_candidate_rows: int


def send_rows(address: str, rows: Any, rows_per_request: int) -> Sent:
    """Asks for predictions and waits for all answers.

    Args:
        address: "host:port".
        rows: pyarrow.Table with the raw features, key and event time; at least one.
        rows_per_request: At most. A request carries its rows' keys and the event time
            of its first one; it never spans two hours.

    Raises:
        FeedError: An answer is not 200.
    """
    requests = list(_requests(rows, rows_per_request))
    answers = asyncio.run(_send_all(address, requests))
    probabilities: list[float] = []
    for _, found in answers:
        probabilities += found
    by_candidate = [found for variant, found in answers if variant == "candidate"]
    return Sent(
        num_requests=len(answers),
        num_rows=len(rows),
        probabilities=probabilities,
        num_candidate=len(by_candidate),
        num_candidate_rows=sum(len(found) for found in by_candidate),
    )


def _requests(rows: Any, rows_per_request: int) -> Any:
    times = rows[EVENT_TIME].cast(pa.timestamp("s", tz="UTC")).to_pylist()
    keys = rows[KEY].to_pylist()
    columns = {name: _plain(rows[name]) for name in FEATURE_KEYS}
    start = 0
    for place in range(1, len(rows) + 1):
        is_full = place - start == rows_per_request
        if place < len(rows) and not is_full and _same_hour(times, start, place):
            continue
        inputs = {name: values[start:place] for name, values in columns.items()}
        body = json.dumps({"inputs": inputs}).encode()
        head = (
            f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nhost: localhost\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-slipway-event-time: {times[start].isoformat()}\r\n"
            f"x-slipway-key: {','.join(quote(key) for key in keys[start:place])}\r\n"
            "\r\n"
        )
        yield head.encode() + body
        start = place


def _same_hour(times: Sequence[Any], one: int, other: int) -> bool:
    return bool(
        times[one].replace(minute=0, second=0)
        == times[other].replace(minute=0, second=0)
    )


def _plain(column: Any) -> list[Any]:
    """Returns values as a request writes them: "" and NaN for missing."""
    missing: Any = "" if pa.types.is_string(column.type) else math.nan
    return [missing if value is None else value for value in column.to_pylist()]


async def _send_all(
    address: str, requests: Sequence[bytes]
) -> list[tuple[str, list[float]]]:
    answers: list[tuple[str, list[float]]] = [("", [])] * len(requests)
    places = iter(range(len(requests)))

    async def work() -> None:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            for place in places:
                writer.write(requests[place])
                answers[place] = await _answer(reader)
        finally:
            writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(CONNECTIONS, len(requests))):
            group.create_task(work())
    return answers


async def _answer(reader: asyncio.StreamReader) -> tuple[str, list[float]]:
    """Reads one answer: who gave it, and the probabilities."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in lines)
    }
    body = await reader.readexactly(int(headers[b"content-length"]))
    if status.split()[1] != _OK:
        raise FeedError(f"{status.decode()}: {body[:500].decode(errors='replace')}")
    variant = headers.get(b"x-slipway-variant", b"").decode()
    return variant, json.loads(body)["outputs"]["probability"]
