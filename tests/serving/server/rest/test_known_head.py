"""A head that came before is not read again, and nobody can tell."""

import dataclasses
import gzip

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.server.rest import request_reader
from serving.server.rest.known_head import KnownHead
from serving.server.rest.options import RestOptions
from serving.server.rest.request_reader import RequestReader

HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\n"
CLOSE = b"Connection: close\r\n"
BODIES = [b"{}", b'{"instances": [1]}', b"0123456789", b"\r\n\r\n", b"x" * 120]


class Sink:
    """Keeps what a reader tells; has room for so many bytes of bodies."""

    def __init__(self, room=10**9):
        self.room = room
        self.told = []
        self.held = 0

    def on_request_begin(self):
        pass

    def on_continue_expected(self):
        self.told.append("continue")

    def on_body_bytes(self, count):
        if self.held + count > self.room:
            return False
        self.held += count
        return True

    def on_request(self, request):
        self.told.append(dataclasses.replace(request, started_s=0.0))


class SlowReader(RequestReader):
    """Learns nothing."""

    def _learn(self, data, request):
        pass


def with_length(body, head=HEAD):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def learnt(head=HEAD, **options):
    """A reader that has read one request, and its sink."""
    sink = Sink()
    reader = RequestReader(RestOptions(**options), sink)
    reader.feed(with_length(b"0123456789", head))
    return reader, sink


def heads():
    return st.sampled_from(
        [
            HEAD,
            HEAD,
            HEAD + b"X-Request-Id: seven\r\n",
            HEAD + b"Content-Encoding: gzip\r\n",
            HEAD + b"Expect: 100-continue\r\n",
            HEAD + CLOSE,
            HEAD + b"X-Note: content-length: 3\r\n",
            HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
            HEAD.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n",
            HEAD.replace(b"POST", b"PUT"),
            HEAD.replace(b"predict", b"regress"),
        ]
    )


@st.composite
def requests(draw):
    body = draw(st.sampled_from(BODIES))
    head = draw(heads())
    if draw(st.booleans()):
        head += b"X-Later: 1\r\n"
    kind = draw(st.integers(0, 9))
    if kind == 0:
        chunk = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk
    if kind == 1:
        return b"GET /healthz HTTP/1.1\r\n\r\n"
    if kind == 2:
        wrong = draw(st.sampled_from([b"", b"-1", b"+2", b"1x", b"007", b"9" * 12]))
        return head + b"Content-Length: " + wrong + b"\r\n\r\n" + body
    if kind == 3:
        return with_length(body, head)[: draw(st.integers(0, 60))]
    if b"gzip" in head:
        body = gzip.compress(body)
    name = draw(st.sampled_from([b"Content-Length: ", b"content-length:"]))
    after = draw(st.sampled_from([b"", b"Accept: */*\r\n"]))
    return head + name + b"%d\r\n" % len(body) + after + b"\r\n" + body


@st.composite
def streams(draw):
    """Chunks of bytes, mostly one request each."""
    whole = draw(st.lists(requests(), min_size=1, max_size=6))
    repeated = [one for one in whole for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        return repeated
    data = b"".join(repeated)
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    ends = zip([0, *places], [*places, len(data)], strict=True)
    return [data[first:last] for first, last in ends]


@given(streams(), st.sampled_from([40, 10_000]), st.sampled_from([100, 10_000]))
@example([with_length(b"{}")] * 3, 10_000, 10_000)
@example(
    [with_length(b"1"), with_length(b"2", HEAD + CLOSE), with_length(b"3")], 99, 99
)
@settings(max_examples=500, deadline=None)
def test_every_stream_is_read_as_without_known_heads(chunks, max_body, room):
    options = RestOptions(max_body_bytes=max_body, max_head_bytes=150)
    fast, slow = Sink(room), Sink(room)
    readers = RequestReader(options, fast), SlowReader(options, slow)
    for chunk in chunks:
        for reader in readers:
            reader.feed(chunk)
        assert fast.told == slow.told
        assert fast.held == slow.held
        assert readers[0].is_inside_request == readers[1].is_inside_request


def test_request_split_at_every_byte_is_read_after_a_known_one():
    data = with_length(b'{"instances": [1]}')
    for place in range(1, len(data)):
        reader, sink = learnt()
        reader.feed(data[:place])
        assert len(sink.told) == 1
        reader.feed(data[place:])
        assert sink.told[1].body == b'{"instances": [1]}'
        assert not reader.is_inside_request


def test_repeated_head_is_not_given_to_the_parser():
    reader, sink = learnt()
    reader._parser = None
    reader.feed(with_length(b"other"))
    assert sink.told[1] == dataclasses.replace(
        sink.told[0], body=b"other", received_bytes=5
    )
    assert sink.held == 15


@pytest.mark.parametrize(
    "data",
    [
        with_length(b"other", HEAD.replace(b"m:", b"n:")),
        with_length(b"other", HEAD + b"X: 1\r\n"),
        with_length(b"other").replace(b"\r\n\r\n", b"\r\nX: 1\r\n\r\n"),
        with_length(b"other") + b"more",
        with_length(b"other")[:-1],
        with_length(b""),
        HEAD + b"Content-Length: -5\r\n\r\n" + b"other",
        HEAD + b"Content-Length: \r\n\r\n" + b"other",
        HEAD + b"Content-Length: 5",
        HEAD + b"Content-Length: 0000000005\r\n\r\n" + b"other",
        with_length(b"a body of 31 bytes, one too many"[:31]),
    ],
)
def test_other_bytes_are_the_parsers(data):
    reader, sink = learnt()
    known = reader._known
    assert known.request(with_length(b"other"), 30) is not None
    assert known.request(data, 30) is None
    assert len(sink.told) == 1


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Encoding: identity\r\n",
        HEAD + b"Expect: 100-continue\r\n",
        HEAD + CLOSE,
        HEAD + b"X-Note: content-length\r\n",
        HEAD + b"X-Long: " + b"x" * 2048 + b"\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n",
    ],
)
def test_heads_that_ask_for_more_are_not_remembered(head):
    assert learnt(head)[0]._known is None


def test_headers_behind_the_length_are_compared_too():
    behind = with_length(b"other").replace(b"\r\n\r\n", b"\r\nX: 1\r\n\r\n")
    reader = RequestReader(RestOptions(), Sink())
    reader.feed(behind)
    assert reader._known.request(behind, 30).body == b"other"
    assert reader._known.request(behind.replace(b"X: 1", b"X: 2"), 30) is None


def test_a_head_is_remembered_only_where_head_and_body_are_all_there_is():
    request = learnt()[1].told[0]
    data = with_length(b"0123456789")
    assert KnownHead.of(data, request, ()) is not None
    assert KnownHead.of(data + b"\r\n", request, ()) is None


def test_requests_that_are_not_all_of_the_data_are_not_remembered():
    reader = RequestReader(RestOptions(), Sink())
    reader.feed(with_length(b"one") + with_length(b"two"))
    reader.feed(with_length(b"three") + b"POST ")
    assert reader._known is None


def test_a_longer_length_may_not_make_the_head_too_long():
    size = len(with_length(b"0123456789"))
    assert learnt(max_head_bytes=size)[0]._known is not None
    assert learnt(max_head_bytes=size - 30)[0]._known is None


def test_a_body_for_which_there_is_no_room_is_refused():
    reader, sink = learnt()
    sink.room = 12
    reader.feed(with_length(b"other"))
    assert sink.told[1].refusal.status == 503
    assert sink.held == 10


def test_inside_a_request_the_same_bytes_are_body():
    reader, sink = learnt()
    inner = with_length(b"other")
    reader.feed(HEAD + b"Content-Length: %d\r\n\r\n" % len(inner))
    reader.feed(inner)
    assert [one.body for one in sink.told[1:]] == [inner]


def test_after_a_refusal_nothing_is_read():
    reader, sink = learnt()
    reader.refuse(408, "too slow")
    reader.feed(with_length(b"other"))
    assert len(sink.told) == 2


def test_client_whose_heads_go_on_changing_is_not_learnt_from(monkeypatch):
    calls = []

    class Counted(KnownHead):
        @classmethod
        def of(cls, *arguments):
            calls.append(arguments)
            return super().of(*arguments)

    monkeypatch.setattr(request_reader, "KnownHead", Counted)
    reader, sink = learnt()
    for number in range(50):
        head = HEAD + b"X-Request-Id: %d\r\n" % number
        reader.feed(with_length(b"other", head))
    assert len(sink.told) == 51
    assert sink.told[-1].request_id == "49"
    assert len(calls) == 8
