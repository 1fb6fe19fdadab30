"""gRPC requests that come together run together, and none of them can tell."""

import asyncio

import numpy as np
import pytest

from serving.server.grpc_turn import GrpcTurn
from serving.server.packed_rows import PackedRows, RowLayout
from serving.server.status import Code, ServingError
from tests.serving.server.fake_backend import FLOAT, FakeServable, make_signature

LAYOUT = RowLayout([("x", "z")], [np.dtype(np.float32)])
NAME = "serving_default"


def twice(x, z):
    if (x == 99).any():
        raise ServingError(Code.INVALID_ARGUMENT, "x is 99")
    if (x == 98).any():
        raise ZeroDivisionError("a bug")
    return {"y": x * 2, "sum": x + z}


def servable(function=twice, num_shared=512, **fields):
    return FakeServable(
        name="m",
        version=1,
        signatures={NAME: make_signature({"x": FLOAT, "z": FLOAT})},
        functions={NAME: function},
        num_shared=num_shared,
        **fields,
    )


def rows(*values, layout=LAYOUT):
    block = np.array([[value, 1] for value in values], np.float32)
    return PackedRows(layout, [block])


def answers(*requests):
    """Answers requests of (servable, inputs, outputs) that come together."""

    async def ask():
        turn = GrpcTurn()
        calls = [
            turn.run(model, NAME, inputs, outputs)
            for model, inputs, outputs in requests
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(ask())


def test_requests_that_come_together_run_as_one():
    model = servable()
    one, two = answers((model, rows(1), ()), (model, rows(2, 3), ()))
    assert model.batch_sizes == [2]
    assert one["y"].tolist() == [2]
    assert two["y"].tolist() == [4, 6]
    assert two["sum"].tolist() == [3, 4]


def test_a_request_alone_runs_by_itself():
    model = servable()
    [one] = answers((model, rows(1, 2), ()))
    assert model.batch_sizes == [1]
    assert one["y"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("bad", "error"), [(99, ServingError), (98, ZeroDivisionError)]
)
def test_only_the_request_that_fails_gets_the_error(bad, error):
    model = servable()
    one, two, three = answers(
        (model, rows(1), ()), (model, rows(bad), ()), (model, rows(3), ())
    )
    assert model.batch_sizes == [3, 1, 1, 1]
    assert one["y"].tolist() == [2]
    assert isinstance(two, error)
    assert three["y"].tolist() == [6]


def test_other_versions_outputs_and_layouts_run_apart():
    first, second = servable(), servable()
    other = RowLayout([("x", "z")], [np.dtype(np.float32)])
    found = answers(
        (first, rows(1), ()),
        (second, rows(2), ()),
        (first, rows(3), ("y",)),
        (first, rows(4, layout=other), ()),
        (first, {"x": np.float32([5]), "z": np.float32([1])}, ()),
        (first, {"x": np.float32([6]), "z": np.float32([1])}, ()),
    )
    assert [one["y"].tolist() for one in found] == [[2], [4], [6], [8], [10], [12]]
    assert [list(one) for one in found[1:3]] == [["y", "sum"], ["y"]]
    assert first.batch_sizes == [1] * 5
    assert second.batch_sizes == [1]


def test_versions_whose_rows_may_not_be_shared_run_every_request_by_itself():
    model = servable(num_shared=0)
    found = answers((model, rows(1), ()), (model, rows(2), ()))
    assert model.batch_sizes == [1, 1]
    assert [one["y"].tolist() for one in found] == [[2], [4]]


def test_no_more_rows_than_may_be_shared_run_as_one():
    model = servable(num_shared=4)
    found = answers(
        (model, rows(1, 2), ()),
        (model, rows(3, 4), ()),
        (model, rows(5), ()),
        (model, rows(6, 7, 8, 9, 10), ()),
    )
    assert sorted(model.batch_sizes) == [1, 1, 2]
    assert [len(one["y"]) for one in found] == [2, 2, 1, 5]


@pytest.mark.parametrize(
    "outputs", [lambda x: x.sum(), lambda x: x[:1], lambda x: np.concatenate([x, x])]
)
def test_outputs_without_a_row_for_each_are_not_cut(outputs):
    model = servable(lambda x, z: {"y": outputs(x), "z": z})
    one, two = answers((model, rows(1), ()), (model, rows(2), ()))
    assert model.batch_sizes == [2, 1, 1]
    assert one["y"].tolist() == outputs(np.float32([1])).tolist()
    assert two["y"].tolist() == outputs(np.float32([2])).tolist()


@pytest.mark.parametrize("delay_s", [0.0, 0.05])
def test_a_client_that_hangs_up_takes_nobody_along(delay_s):
    model = servable(delay_s=delay_s)

    async def ask():
        turn = GrpcTurn()
        calls = [
            asyncio.ensure_future(turn.run(model, NAME, rows(value), ()))
            for value in (1, 2, 3)
        ]
        await asyncio.sleep(delay_s / 2)
        calls[1].cancel()
        return await asyncio.gather(*calls, return_exceptions=True)

    one, two, three = asyncio.run(ask())
    assert one["y"].tolist() == [2]
    assert isinstance(two, asyncio.CancelledError)
    assert three["y"].tolist() == [6]
    assert model.batch_sizes == [3 if delay_s else 2]
