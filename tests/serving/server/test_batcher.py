"""The batcher alone: what shares a call of the graph, and what never does."""

import asyncio
import dataclasses
import threading
import time

import numpy as np

from serving.server.batching_parameters import (
    MICRO_BATCHING,
    NO_BATCHING,
    BatchingParameters,
)
from tests.serving.server.batcher_graph import answers_of, rows


def test_requests_that_queued_share_a_call_and_get_their_own_rows(graph, make_batcher):
    requests = [(rows(0), 1), (rows(1, 2), 2), (rows(3), 1), (rows(4, 5, 6), 3)]
    found = answers_of(make_batcher(), graph, requests)
    assert graph.sizes == [1, 6]
    assert [answer[0].tolist() for answer in found] == [[0], [2, 4], [6], [8, 10, 12]]


def test_one_request_is_not_kept_waiting(make_batcher):
    async def ask():
        batcher = make_batcher()
        await batcher.run(rows(1), 1)
        times = []
        for _ in range(200):
            started = time.perf_counter()
            await batcher.run(rows(1), 1)
            times.append(time.perf_counter() - started)
        return sorted(times)[100]

    assert asyncio.run(ask()) < 0.001


def test_rows_of_other_sizes_get_a_batch_of_their_own(graph, make_batcher):
    wide = [np.ones((1, 3), np.float32)]
    requests = [(rows(0), 1), (rows(1), 1), (wide, 1), (rows(2), 1), (wide, 1)]
    found = answers_of(make_batcher(), graph, requests)
    assert [call[0].shape for call in graph.calls] == [(1,), (2,), (2, 3)]
    assert found[2][0].shape == (1, 3)


def test_requests_without_common_rows_run_alone(graph, make_batcher):
    requests = [(rows(0), 1), (rows(1, 2), 0), (rows(3), 1), (rows(4), 1)]
    answers_of(make_batcher(), graph, requests)
    assert sorted(graph.sizes) == [1, 2, 2]


def test_no_batching_runs_every_request_alone(graph, make_batcher):
    requests = [(rows(number), 1) for number in range(5)]
    answers_of(make_batcher(NO_BATCHING), graph, requests)
    assert graph.sizes == [1] * 5


def test_batch_holds_at_most_the_largest_size(graph, make_batcher):
    parameters = dataclasses.replace(MICRO_BATCHING, max_batch_size=4)
    requests = [(rows(number), 1) for number in range(10)]
    answers_of(make_batcher(parameters), graph, requests)
    assert graph.sizes == [1, 4, 4, 1]


def test_larger_request_runs_by_itself(graph, make_batcher):
    parameters = dataclasses.replace(MICRO_BATCHING, max_batch_size=2)
    found = answers_of(make_batcher(parameters), graph, [(rows(1, 2, 3), 3)])
    assert found[0][0].tolist() == [2, 4, 6]


def test_answers_that_do_not_match_the_rows_are_never_split(make_batcher, graph):
    def total(values):
        return [np.sum(graph(values)[0], keepdims=True)]

    requests = [(rows(number, number), 2) for number in range(4)]
    batcher = make_batcher(call=total)
    found = answers_of(batcher, graph, requests)
    assert [answer[0].tolist() for answer in found] == [[0], [4], [8], [12]]
    graph.calls.clear()
    graph.running.clear()
    answers_of(batcher, graph, requests)
    assert graph.sizes == [2, 2, 2, 2], "it was not put together again"


def test_batches_are_filled_up_to_an_allowed_size(graph, make_batcher):
    parameters = BatchingParameters(
        max_batch_size=8, max_enqueued_batches=10, allowed_batch_sizes=(1, 4, 8)
    )
    batcher = make_batcher(parameters)
    requests = [(rows(0), 1), (rows(1), 1), (rows(2), 1), (rows(3), 1)]
    found = answers_of(batcher, graph, requests)
    assert [call[0].tolist() for call in graph.calls] == [[0], [1, 2, 3, 1]]
    assert [answer[0].tolist() for answer in found] == [[0], [2], [4], [6]]
    assert [size for size, _ in batcher.heard] == [1, 4]


def test_rows_of_other_sizes_are_filled_up_where_that_is_asked_for(graph, make_batcher):
    parameters = BatchingParameters(
        max_batch_size=8, max_enqueued_batches=10, pad_variable_length_inputs=True
    )
    long = [np.array([[1, 2, 3]], np.float32)]
    short = [np.array([[7]], np.float32)]
    answers_of(make_batcher(parameters), graph, [(short, 1), (short, 1), (long, 1)])
    assert graph.calls[1][0].tolist() == [[7, 7, 7], [1, 2, 3]]


def test_first_request_waits_for_others_as_long_as_it_may(graph, make_batcher):
    parameters = BatchingParameters(
        max_batch_size=3, max_enqueued_batches=10, batch_timeout_s=0.2
    )

    async def ask():
        batcher = make_batcher(parameters)
        started = time.monotonic()
        await asyncio.gather(*(batcher.run(rows(number), 1) for number in range(3)))
        full_s = time.monotonic() - started
        await batcher.run(rows(1), 1)
        return full_s, time.monotonic() - started - full_s

    full_s, alone_s = asyncio.run(ask())
    assert graph.sizes == [3, 1]
    assert full_s < 0.15
    assert 0.19 < alone_s < 1


def test_two_loops_get_their_answers_in_their_own(graph, make_batcher):
    batcher = make_batcher()
    found = []

    def ask(number):
        found.append(asyncio.run(batcher.run(rows(number), 1))[0].tolist())

    graph.gate.clear()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    graph.gate.set()
    for thread in threads:
        thread.join(10)
    assert sorted(found) == [[0], [2], [4], [6], [8]]
