"""Which batches run on the event loop, and which in a thread."""

import asyncio
import dataclasses
import threading
import time

import pytest

from serving.server.batcher import Batcher
from serving.server.batching_parameters import MICRO_BATCHING, NO_BATCHING
from serving.server.status import ServingError
from tests.serving.server.batcher_graph import rows


def on_threads(graph):
    """A call like the graph's that remembers which threads made it."""
    threads = []

    def call(*inputs):
        threads.append(threading.current_thread())
        return graph(*inputs)

    return call, threads


async def ask_in_turn(batcher, count):
    for number in range(count):
        await batcher.run(rows(number), 1)


def test_short_batches_run_on_the_event_loop_once_they_are_known(pool, graph):
    call, threads = on_threads(graph)
    batcher = Batcher(call, MICRO_BATCHING, pool, lambda *_: None, ends_surely=True)
    asyncio.run(ask_in_turn(batcher, 4))
    here = threading.current_thread()
    assert threads[0] is not here
    assert threads[1:] == [here] * 3


@pytest.mark.parametrize("parameters", [MICRO_BATCHING, NO_BATCHING])
def test_batches_of_which_nobody_knows_the_end_never_run_on_the_loop(
    pool, graph, parameters
):
    call, threads = on_threads(graph)
    batcher = Batcher(call, parameters, pool, lambda *_: None)
    asyncio.run(ask_in_turn(batcher, 4))
    assert threading.current_thread() not in threads


def test_a_batch_that_took_long_sends_the_next_ones_to_a_thread(pool, graph):
    call, threads = on_threads(graph)

    def sometimes_slow(*inputs):
        if inputs[0][0] == 2:
            end = time.thread_time() + 0.05
            while time.thread_time() < end:
                pass
        return call(*inputs)

    batcher = Batcher(
        sometimes_slow, MICRO_BATCHING, pool, lambda *_: None, ends_surely=True
    )
    asyncio.run(ask_in_turn(batcher, 5))
    here = threading.current_thread()
    assert [thread is here for thread in threads] == [False, True, True, False, False]


def test_what_comes_in_one_turn_of_the_loop_is_one_batch(pool, graph):
    batcher = Batcher(graph, MICRO_BATCHING, pool, lambda *_: None, ends_surely=True)

    async def ask():
        await batcher.run(rows(0), 1)
        return await asyncio.gather(
            *(batcher.run(rows(number), 1) for number in range(5))
        )

    answers = asyncio.run(ask())
    assert [answer[0].tolist() for answer in answers] == [[0], [2], [4], [6], [8]]
    assert graph.sizes == [1, 5]


def test_requests_beyond_a_full_batch_are_answered_too(pool, graph):
    parameters = dataclasses.replace(MICRO_BATCHING, max_batch_size=2)
    batcher = Batcher(graph, parameters, pool, lambda *_: None, ends_surely=True)

    async def ask():
        await batcher.run(rows(0), 1)
        asked = [batcher.run(rows(number), 1) for number in range(5)]
        return await asyncio.wait_for(asyncio.gather(*asked), 10)

    answers = asyncio.run(ask())
    assert [answer[0].tolist() for answer in answers] == [[0], [2], [4], [6], [8]]
    assert sorted(graph.sizes) == [1, 1, 2, 2]
    assert batcher.num_waiting == 0


def test_failed_batch_on_the_loop_fails_only_the_row_to_blame(pool, graph):
    graph.refuses = lambda values: 3 in values
    batcher = Batcher(graph, MICRO_BATCHING, pool, lambda *_: None, ends_surely=True)

    async def ask():
        await batcher.run(rows(0), 1)
        asked = [batcher.run(rows(number), 1) for number in range(5)]
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(ask())
    assert isinstance(answers[3], ServingError)
    assert [answers[n][0].tolist() for n in (0, 1, 2, 4)] == [[0], [2], [4], [8]]
