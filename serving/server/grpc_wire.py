"""Reads one row of scalars from a PredictRequest's bytes as its client always sends it.

A client's requests of one row differ in their values alone: the same aliases in the
same order, each a TensorProto of shape [1] with one float or one text. A first request
is read by protobuf and its bytes are remembered around the values; the next ones are
compared with them, which is a tenth of the work. A request of any other bytes is
protobuf's to read.

    0a 09 {model_spec}  12 18 0a 06 temp_f 12 0e 08 01 12 04 12 02 08 01 2a 04 {4 bytes}
                        12 .. 0a 06 origin 12 .. 08 07 12 04 12 02 08 01 42 .. {text}

Source: https://protobuf.dev/programming-guides/encoding/;
tensorflow_serving/apis/predict.proto; tensorflow/core/framework/tensor.proto.
"""

from dataclasses import dataclass
from typing import Any, Self

from tensorflow_serving.apis.predict_pb2 import PredictRequest

_SPEC, _INPUT, _FILTER = 0x0A, 0x12, 0x1A
_SHORT = 0x80
"""Lengths below it are one byte."""

_SHAPE = b"\x12\x04\x12\x02\x08\x01"
_FLOAT = b"\x08\x01" + _SHAPE + b"\x2a\x04"
_FLOAT_BYTES = 4
_TEXT = b"\x08\x07" + _SHAPE + b"\x42"
_MAX_BYTES = 16 << 10

_MAX_LAYOUTS = 8
_LEARNT_OF_UNKNOWN = 64
"""Learning takes as long as reading; more clients than layouts must not pay for it with
every request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Number:
    """What stands before a float."""

    lead: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Text:
    """What stands before a text, the byte of its length included, by its length."""

    leads: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class WireRow:
    """A request of one row.

    Attributes:
        layout: By which it was read.
        numbers: float32, little-endian, as `layout.numbers`.
        texts: As `layout.texts`.
        data: All its bytes.
    """

    layout: "WireLayout"
    data: bytes
    numbers: list[bytes]
    texts: list[bytes]


class WireLayout:
    """The bytes of one client's requests but for their values.

    Attributes:
        request: A PredictRequest without its inputs: what the requests share.
        numbers, texts: Aliases in the order of the bytes.
    """

    def __init__(self, request: Any) -> None:
        """Takes the message; `of` reads the rest from its bytes."""
        self.request = type(request)()
        self.request.CopyFrom(request)
        self.request.ClearField("inputs")
        self.numbers: list[str] = []
        self.texts: list[str] = []
        self._steps: list[_Number | _Text] = []
        self._end = b""

    @classmethod
    def of(cls, data: bytes, request: Any) -> Self | None:
        """Remembers a request's bytes.

        Args:
            data: As they came.
            request: The PredictRequest that protobuf made of them.

        Returns:
            None: it is not one row of floats and texts in the plainest form.
        """
        if len(data) > _MAX_BYTES or not request.model_spec.name:
            return None
        layout = cls(request)
        place, fixed = 0, b""
        while place < len(data):
            field = _field(data, place)
            if field is None:
                return None
            place += len(field)
            if field[0] != _INPUT:
                fixed += field
            elif layout._add(fixed, field):
                fixed = b""
            else:
                return None
        layout._end = fixed
        names = {*layout.numbers, *layout.texts}
        is_whole = 0 < len(names) == len(layout._steps) == len(request.inputs)
        return layout if is_whole and layout.read(data) is not None else None

    def _add(self, fixed: bytes, field: bytes) -> bool:
        """Adds an entry of the map; False: it is not plain."""
        size = field[3]
        key = field[2 : 4 + size]
        dtype = field[6 + size : 8 + size]
        try:
            name = key[2:].decode()
        except UnicodeDecodeError:
            return False
        if dtype == _FLOAT[:2]:
            head = key + bytes((_INPUT, len(_FLOAT) + _FLOAT_BYTES)) + _FLOAT
            whole = len(head) + _FLOAT_BYTES
            if whole >= _SHORT:
                return False
            self.numbers.append(name)
            self._steps.append(_Number(lead=fixed + bytes((_INPUT, whole)) + head))
            return True
        self.texts.append(name)
        self._steps.append(_Text(leads=_text_leads(fixed, key)))
        return True

    def read(self, data: bytes) -> WireRow | None:
        """Reads another request; None: it is not such a one."""
        numbers, texts, place = [], [], 0
        try:
            for step in self._steps:
                if isinstance(step, _Number):
                    lead = step.lead
                    if not data.startswith(lead, place):
                        return None
                    first = place + len(lead)
                    place = first + _FLOAT_BYTES
                    numbers.append(data[first:place])
                else:
                    leads = step.leads
                    first = place + len(leads[0])
                    size = data[first - 1]
                    if not data.startswith(leads[size], place):
                        return None
                    place = first + size
                    texts.append(data[first:place])
        except IndexError:
            return None  # a text that is longer than those known, or no text at all
        if data[place:] != self._end or place + len(self._end) != len(data):
            return None
        return WireRow(layout=self, data=data, numbers=numbers, texts=texts)


class PredictReader:
    """Reads PredictRequests of any client, those of known layouts faster."""

    def __init__(self) -> None:
        """Knows none."""
        # The latest used first.
        self._layouts: list[WireLayout] = []
        self._num_unknown = 0

    def __call__(self, data: bytes) -> Any:
        """Returns a WireRow, or a PredictRequest.

        Raises:
            google.protobuf.message.DecodeError: The bytes are neither.
        """
        layouts = self._layouts
        for place, layout in enumerate(layouts):
            row = layout.read(data)
            if row is not None:
                if place:
                    layouts.insert(0, layouts.pop(place))
                return row
        request = PredictRequest.FromString(data)
        self._learn(data, request)
        return request

    def _learn(self, data: bytes, request: Any) -> None:
        """Remembers a layout: every new one at first, then now and then one."""
        is_full = len(self._layouts) == _MAX_LAYOUTS
        self._num_unknown += 1
        if is_full and self._num_unknown % _LEARNT_OF_UNKNOWN:
            return
        layout = WireLayout.of(data, request)
        if layout is not None:
            del self._layouts[_MAX_LAYOUTS - 1 :]
            self._layouts.insert(0, layout)


def _text_leads(fixed: bytes, key: bytes) -> tuple[bytes, ...]:
    """Returns what stands before a text of 0, 1, 2, … bytes."""
    leads = []
    for size in range(_SHORT):
        tensor = len(_TEXT) + 1 + size
        entry = len(key) + 2 + tensor
        if entry >= _SHORT:
            break
        head = bytes((_INPUT, entry)) + key + bytes((_INPUT, tensor)) + _TEXT
        leads.append(fixed + head + bytes((size,)))
    return tuple(leads)


def _field(data: bytes, place: int) -> bytes | None:
    """Returns a field with its tag; None: it is unknown, long or cut short."""
    head = data[place : place + 2]
    if len(head) < 2 or head[0] not in (_SPEC, _INPUT, _FILTER) or head[1] >= _SHORT:  # noqa: PLR2004
        return None
    field = data[place : place + 2 + head[1]]
    is_entry = head[0] != _INPUT or (len(field) > 4 and field[2] == _SPEC)  # noqa: PLR2004
    return field if is_entry and len(field) == 2 + head[1] else None
