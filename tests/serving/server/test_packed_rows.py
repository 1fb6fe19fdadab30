"""Rows packed by type, and what the graph gets of them."""

import asyncio

import numpy as np
import pytest

from serving.server.graph_session import GraphSession
from serving.server.packed_rows import PackedRows, RowLayout, unpack
from serving.server.saved_model import SavedModelServable

FLOAT, TEXT = np.dtype(np.float32), np.dtype(object)


@pytest.fixture
def layout():
    return RowLayout([("miles", "month"), ("carrier",)], [FLOAT, TEXT])


@pytest.fixture
def rows(layout):
    numbers = np.array([[10, 1], [20, 2], [30, 3]], np.float32)
    carriers = np.array([[b"AA"], [b"UA"], [b""]], object)
    return PackedRows(layout, [numbers, carriers])


@pytest.fixture
def servable(built_tiny_bundle, runtime):
    return SavedModelServable("rides", 1, GraphSession(built_tiny_bundle), runtime)


def test_packed_rows_are_a_mapping_of_columns(rows):
    assert rows.num_rows == 3
    assert list(rows) == ["carrier", "miles", "month"]
    assert rows["month"].tolist() == [1, 2, 3]
    assert rows["carrier"].tolist() == [b"AA", b"UA", b""]
    assert len(rows) == 3


def test_unpacked_columns_are_contiguous_and_in_alphabetical_order(layout, rows):
    carrier, miles, month = unpack(layout, rows.blocks)
    assert carrier.tolist() == [b"AA", b"UA", b""]
    assert miles.tolist() == [10, 20, 30]
    assert month.tolist() == [1, 2, 3]
    assert miles.flags.c_contiguous
    assert month.flags.c_contiguous


def test_layout_fits_only_the_signature_it_was_made_for(servable, layout):
    signature = servable.signatures["serving_default"]
    assert layout.fits(signature)
    doubles = RowLayout(layout.blocks, [np.dtype(np.float64), TEXT])
    assert not doubles.fits(signature)
    assert not RowLayout([("miles",), ("carrier",)], [FLOAT, TEXT]).fits(signature)


def test_packed_and_plain_requests_get_the_same_answer(servable, rows):
    packed = asyncio.run(servable.run("serving_default", rows))
    plain = asyncio.run(servable.run("serving_default", dict(rows)))
    assert packed["label"].tolist() == plain["label"].tolist()
    assert packed["probability"].tobytes() == plain["probability"].tobytes()


def test_packed_requests_share_a_call(servable, rows, layout):
    servable.set_row_wise("serving_default", is_row_wise=True)

    async def ask():
        one = PackedRows(layout, [block[:1] for block in rows.blocks])
        asked = [servable.run("serving_default", chosen) for chosen in (rows, one)]
        return await asyncio.gather(*asked)

    both, first = asyncio.run(ask())
    assert both["probability"].shape == (3,)
    assert first["probability"].tolist() == both["probability"][:1].tolist()


def test_layout_that_does_not_fit_is_checked_like_any_other_request(servable, rows):
    doubles = RowLayout(rows.layout.blocks, [np.dtype(np.float64), TEXT])
    wrong = PackedRows(doubles, [rows.blocks[0].astype(np.float64), rows.blocks[1]])
    with pytest.raises(Exception, match="'miles' came as float64; expected float32"):
        asyncio.run(servable.run("serving_default", wrong))
