"""What is sent comes out alike at the other end."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from serving.prediction_log.compact_rows import CompactRows, compacted
from serving.prediction_log.joined_text import JoinedNames
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_pipe import (
    Counted,
    KnownModel,
    Rows,
    Settings,
    TransformCall,
    Transformed,
    receive,
    send,
)
from serving.prediction_log.logged_request import ClientFacts, LoggedBatch
from serving.server.packed_rows import PackedRows, RowLayout
from tests.serving.prediction_log.rides_log import CONTRACT, RIDES, texts

FACTS = ClientFacts(event_time="2013-01-01", key="k,é", variant="b")
LAYOUT = RowLayout(
    [("miles", "month"), ("carrier",)], [np.dtype(np.float32), np.dtype(object)]
)


@pytest.fixture
def through():
    """A function that sends a message through a pipe and returns what comes out."""
    reader, writer = multiprocessing.Pipe(duplex=False)

    def pass_through(message):
        send(writer, message)
        return receive(reader)

    with reader, writer:
        yield pass_through


def batch(inputs, outputs=None, ids=("a", "é"), facts=()):
    return LoggedBatch(
        model=RIDES,
        signature="serving_default",
        rows=(inputs, {} if outputs is None else outputs),
        answered_us=17,
        request_ids=ids,
        latencies_s=[0.25, 0.5],
        first_rows=[0, 1],
        sizes=(1, 2),
        facts=facts,
    )


def packed(*miles, carrier=b"UA"):
    numbers = np.array([[one, 7] for one in miles], np.float32)
    return PackedRows(LAYOUT, [numbers, texts(*[carrier] * len(miles))[:, None]])


@pytest.mark.parametrize(
    "message",
    [
        Settings(LogConfig(log_dir=Path("/log"), share=0.5, masked=("a", "b"))),
        KnownModel(3, "rides", 7, "digest", None, has_transform=False),
        Counted("rides", "written", 12),
        TransformCall(3, [b"one", b""]),
    ],
)
def test_plain_messages(through, message):
    assert through(message) == message


def test_a_model_brings_its_contract(through):
    found = through(KnownModel(1, "rides", 1, "", CONTRACT, has_transform=True))
    assert found.contract == CONTRACT


@pytest.mark.parametrize(
    "column",
    [
        np.array([1.5, np.nan], np.float32),
        np.array([[1, 2], [3, 4]], np.int64),
        np.array([True, False]),
        texts(b"", b"U\0A"),
        np.array([["x", None], [b"y", "é"]], object),
        np.array([[1, 2, 3], [4, 5, 6]], np.float64)[:, ::2],
        np.empty((2, 0), np.float32),
    ],
)
def test_columns_of_any_kind(through, column):
    sent = batch({"one": column}, {"other": column[::-1]})
    [found] = through(Rows([5], [sent])).batches
    inputs, outputs = found.rows
    for held, expected in ((inputs["one"], column), (outputs["other"], column[::-1])):
        assert held.dtype == expected.dtype
        assert held.shape == expected.shape
        if column.dtype.kind == "f":
            np.testing.assert_array_equal(held, expected)
        else:
            assert held.tolist() == expected.tolist()


def test_what_is_known_of_requests(through):
    sent = batch({}, ids=JoinedNames.of(["a", "b"]), facts=[FACTS, ClientFacts()])
    message = through(Rows([5, 6], [sent, batch({})]))
    first, second = message.batches
    assert message.numbers == [5, 6]
    assert isinstance(first.request_ids, JoinedNames)
    assert list(first.request_ids) == ["a", "b"]
    assert list(second.request_ids) == ["a", "é"]
    assert first.facts == [FACTS, ClientFacts()]
    assert list(second.facts) == []
    assert (first.signature, first.answered_us) == ("serving_default", 17)
    assert first.latencies_s.tolist() == [0.25, 0.5]
    assert (list(first.first_rows), list(first.sizes)) == ([0, 1], [1, 2])


@pytest.mark.parametrize("carrier", [b"UA", b"U\0A"])
def test_rows_in_blocks_can_be_put_together_with_those_of_another_message(
    through, carrier
):
    pairs = [
        (batch(compacted(packed(one, carrier=carrier))), one) for one in (1.5, 2.5)
    ]
    layouts = set()
    for sent, miles in pairs:
        inputs, _ = through(Rows([1], [sent])).batches[0].rows
        assert isinstance(inputs, CompactRows)
        assert inputs["miles"].tolist() == [miles]
        assert inputs["carrier"].tolist() == [carrier]
        layouts.add(id(inputs.layout))
    assert len(layouts) == 1


def test_a_layout_goes_once_a_message(through):
    layout = RowLayout([("x" * 1000,)], [np.dtype(np.float32)])
    rows = [CompactRows(layout, [np.array([[n]], np.float32)], 1) for n in range(1, 4)]
    found = through(Rows([1] * 3, [batch(one) for one in rows])).batches
    assert [one.rows[0]["x" * 1000].tolist() for one in found] == [[1], [2], [3]]
    assert len({id(one.rows[0].layout) for one in found}) == 1


def test_an_answer_of_the_server(through):
    columns = {"miles_xf": np.array([0.5], np.float32), "carrier_xf": np.array([3])}
    found = through(Transformed(columns)).columns
    assert {name: values.tolist() for name, values in found.items()} == {
        "miles_xf": [0.5],
        "carrier_xf": [3],
    }


@pytest.mark.parametrize(
    "rows", [lambda: None, ({"one": np.array([object()])}, {})], ids=["call", "object"]
)
def test_what_cannot_be_sent_is_refused_and_nothing_goes(through, rows):
    sent = batch({})
    sent.rows = rows
    with pytest.raises((TypeError, ValueError)):
        through(Rows([1], [sent]))
    assert through(Counted("rides", "written", 1)) == Counted("rides", "written", 1)
