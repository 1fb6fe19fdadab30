"""What clients said of their requests, as columns: event time, key and variant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.prediction_log.log_schema import TEXT, TIME
from serving.prediction_log.logged_request import ClientFacts


def client_columns(
    facts: Sequence[ClientFacts], sizes: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Returns the columns `event_time`, `key` and `variant`, one row a request row.

    Args:
        facts: Of each request; empty: none said anything.
        sizes: Rows of each request.
    """
    rows = int(sizes.sum())
    if not facts:
        return {
            "event_time": pa.nulls(rows, TIME),
            "key": pa.nulls(rows, pa.string()),
            "variant": pa.nulls(rows, TEXT),
        }
    times = pa.array([event_time(one.event_time) for one in facts], TIME)
    variants = pa.array([one.variant or None for one in facts], pa.string())
    keys: list[str | None] = []
    for one, size in zip(facts, sizes.tolist(), strict=True):
        keys += row_keys(one.key, size)
    places = np.repeat(np.arange(len(facts)), sizes)
    return {
        "event_time": times.take(pa.array(places)),
        "key": pa.array(keys, pa.string()),
        "variant": variants.take(pa.array(places)).dictionary_encode(),
    }


def event_time(text: str) -> datetime | None:
    """Reads `x-slipway-event-time`; None: it is empty, or no ISO 8601."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def row_keys(text: str, rows: int) -> list[str | None]:
    """Reads `x-slipway-key`: all None where it is empty or not one a row."""
    parts = text.split(",") if text else []
    if len(parts) != rows:
        return [None] * rows
    return [unquote(part.strip()) or None for part in parts]
