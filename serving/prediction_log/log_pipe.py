"""What a server and the process that writes its log tell each other.

Two pipes:

    rows     server to writer: Settings first, then KnownModel, Rows and Counted; its
             end tells the writer to write what it has and to end
    calls    writer to server: Counted, and TransformCall, which is answered there with
             a Transformed

A message is `marshal`'s form of its kind and its facts, plain values all of them: five
times as fast as pickle for rows, and reading it runs no code. Both ends are one program
of one Python, so the form needs no version.
"""

import functools
import marshal
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.contract import Contract, decode_contract, encode_contract
from serving.prediction_log.compact_rows import CompactRows
from serving.prediction_log.joined_text import JoinedNames
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.logged_request import (
    ClientFacts,
    Columns,
    LoggedBatch,
)
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
    """Batches, and the number of each one's model; its `model` is None on arrival."""

    numbers: list[int]
    batches: list[LoggedBatch]


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of a model that came to an end."""

    model: str
    outcome: str
    rows: int


@dataclass(frozen=True, slots=True)
class TransformCall:
    """Asks for the transformed features of tf.Examples."""

    number: int
    examples: list[bytes]


@dataclass(frozen=True, slots=True)
class Transformed:
    """The answer; no columns where there are none to be had."""

    columns: Columns


Message = Settings | KnownModel | Rows | Counted | TransformCall | Transformed


def send(pipe: Connection, message: Message) -> None:
    """Sends a message.

    Raises:
        OSError: Nobody reads it any more.
        TypeError, ValueError: A value is not of the types that its class names; nothing
            was sent.
    """
    kind = type(message)
    encode = _ENCODERS.get(kind, astuple)
    pipe.send_bytes(marshal.dumps((_KINDS.index(kind), encode(message))))


def receive(pipe: Connection) -> Any:
    """Returns the next message.

    Raises:
        EOFError, OSError: There is none any more.
    """
    number, facts = marshal.loads(pipe.recv_bytes())  # noqa: S302 - runs no code
    kind = _KINDS[number]
    decode = _DECODERS.get(kind)
    return kind(*facts) if decode is None else decode(facts)


def _encode_settings(settings: Settings) -> Any:
    return {**_fields(settings.config), "log_dir": str(settings.config.log_dir)}


def _decode_settings(facts: Any) -> Settings:
    return Settings(LogConfig(**{**facts, "log_dir": Path(facts["log_dir"])}))


def _fields(config: LogConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def _encode_model(model: KnownModel) -> Any:
    contract = None if model.contract is None else encode_contract(model.contract)
    return (
        model.number, model.name, model.version, model.bundle_digest, contract,
        model.has_transform,
    )  # fmt: skip


def _decode_model(facts: Any) -> KnownModel:
    number, name, version, bundle_digest, contract, has_transform = facts
    known = None if contract is None else decode_contract(contract).contract
    return KnownModel(number, name, version, bundle_digest, known, has_transform)


def _encode_rows(rows: Rows) -> Any:
    """Every layout is there once, and named by its place."""
    layouts: dict[int, tuple[int, RowLayout]] = {}
    batches = []
    for batch in rows.batches:
        if callable(batch.rows):
            raise TypeError("a function that reads rows cannot go to another process")
        ids, latencies_s = batch.request_ids, batch.latencies_s
        batches.append(
            (
                batch.signature,
                [_encode_columns(columns, layouts) for columns in batch.rows],
                batch.answered_us,
                (ids.run, len(ids)) if isinstance(ids, JoinedNames) else list(ids),
                _encode_array(np.asarray(latencies_s, np.float64)),
                list(batch.first_rows),
                list(batch.sizes),
                [(one.event_time, one.key, one.variant) for one in batch.facts],
            )
        )
    known = [
        (layout.blocks, [dtype.str for dtype in layout.dtypes])
        for _, layout in layouts.values()
    ]
    return rows.numbers, known, batches


def _decode_rows(facts: Any) -> Rows:
    numbers, known, batches = facts
    layouts = [_layout(blocks, tuple(dtypes)) for blocks, dtypes in known]
    return Rows(numbers, [_decode_batch(batch, layouts) for batch in batches])


def _decode_batch(facts: Any, layouts: list[RowLayout]) -> LoggedBatch:
    signature, rows, answered_us, ids, latencies_s, first_rows, sizes, said = facts
    inputs, outputs = (_decode_columns(columns, layouts) for columns in rows)
    return LoggedBatch(
        model=None,  # type: ignore[arg-type] # the receiver knows it by its number
        signature=signature,
        rows=(inputs, outputs),
        answered_us=answered_us,
        request_ids=JoinedNames(*ids) if isinstance(ids, tuple) else ids,
        latencies_s=_decode_array(latencies_s),
        first_rows=first_rows,
        sizes=sizes,
        facts=[ClientFacts(event_time=t, key=k, variant=v) for t, k, v in said],
    )


def _encode_columns(columns: Columns, layouts: dict[int, tuple[int, RowLayout]]) -> Any:
    if type(columns) is CompactRows:
        layout = columns.layout
        place, _ = layouts.setdefault(id(layout), (len(layouts), layout))
        blocks = [
            block if type(block) is bytes else _encode_array(block)
            for block in columns.blocks
        ]
        return place, columns.num_rows, blocks
    return [(name, _encode_array(values)) for name, values in columns.items()]


def _decode_columns(facts: Any, layouts: list[RowLayout]) -> Columns:
    if isinstance(facts, list):
        return {name: _decode_array(values) for name, values in facts}
    place, num_rows, blocks = facts
    held = [
        block if isinstance(block, bytes) else _decode_array(block) for block in blocks
    ]
    return CompactRows(layouts[place], held, num_rows)


def _encode_array(values: Any) -> Any:
    if values.dtype.kind == "O":
        return "O", values.shape, values.ravel().tolist()
    return values.dtype.str, values.shape, values.tobytes()


def _decode_array(facts: Any) -> npt.NDArray[Any]:
    dtype, shape, content = facts
    if dtype == "O":
        values = np.empty(len(content), object)
        values[:] = content
        return values.reshape(shape)
    return np.frombuffer(content, dtype).reshape(shape)


@functools.lru_cache(maxsize=MOST_MODELS)
def _layout(blocks: tuple[tuple[str, ...], ...], dtypes: tuple[str, ...]) -> RowLayout:
    # Rows can be put together only if their layout is one object.
    return RowLayout(blocks, [np.dtype(dtype) for dtype in dtypes])


def _encode_transformed(answer: Transformed) -> Any:
    return [(name, _encode_array(values)) for name, values in answer.columns.items()]


def _decode_transformed(facts: Any) -> Transformed:
    return Transformed({name: _decode_array(values) for name, values in facts})


_KINDS: list[Any] = [Settings, KnownModel, Rows, Counted, TransformCall, Transformed]
_ENCODERS: Mapping[Any, Any] = {
    Settings: _encode_settings,
    KnownModel: _encode_model,
    Rows: _encode_rows,
    Transformed: _encode_transformed,
}
_DECODERS: Mapping[Any, Any] = {
    Settings: _decode_settings,
    KnownModel: _decode_model,
    Rows: _decode_rows,
    Transformed: _decode_transformed,
}
