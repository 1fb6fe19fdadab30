"""What a server and the process that writes its log tell each other.

Two pipes, of messages that begin with their kind (a class below):

    rows     server to writer: Settings first, then KnownModel, Rows and Dropped; its
             end tells the writer to write what it has and to end
    calls    writer to server: Counted, and TransformCall, which is answered there

Messages are pickled: both ends are one program, one of which has started the other and
holds the only other end of its pipes.
"""

import copyreg
import functools
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from serving.bundle.contract import Contract
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.logged_request import LoggedBatch
from serving.server.packed_rows import RowLayout

MOST_MODELS = 256
"""Versions that both ends know at a time; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The first message: how the log is written."""

    config: LogConfig


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A version of which rows will come under a number."""

    number: int
    name: str
    version: int
    bundle_digest: str
    contract: Contract | None
    has_transform: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """Batches, whose model is its number and whose arrays were read."""

    batches: list[LoggedBatch]


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of a model that came to an end; also of the server's own dropping."""

    model: str
    outcome: str
    rows: int


@dataclass(frozen=True, slots=True)
class TransformCall:
    """Asks for the transformed features of tf.Examples; answered with the columns."""

    number: int
    examples: list[bytes]


def send(pipe: Connection, message: Any) -> None:
    """Sends a message.

    Raises:
        OSError: Nobody reads it any more.
    """
    target = io.BytesIO()
    pickler = pickle.Pickler(target, protocol=5)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(message)
    pipe.send_bytes(target.getbuffer())


def receive(pipe: Connection) -> Any:
    """Returns the next message.

    Raises:
        EOFError, OSError: There is none any more.
    """
    return pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own other half


def renumbered(batch: LoggedBatch, model: Any) -> LoggedBatch:
    """Returns a batch with another model, or a model's number."""
    return replace(batch, model=model)


@functools.lru_cache(maxsize=MOST_MODELS)
def _layout(
    blocks: tuple[tuple[str, ...], ...], dtypes: tuple[np.dtype[Any], ...]
) -> RowLayout:
    # Rows can be put together only if their layout is one object.
    return RowLayout(blocks, dtypes)


def _reduced(layout: RowLayout) -> tuple[Callable[..., RowLayout], tuple[Any, ...]]:
    return _layout, (layout.blocks, layout.dtypes)


_REDUCERS = {**copyreg.dispatch_table, RowLayout: _reduced}
