"""The batcher alone: what shares a call of the graph, and what never does."""

import asyncio
import dataclasses
import gc
import threading
import time
import weakref

import numpy as np
import pytest

from serving.server import batcher as batcher_module
from serving.server.batcher import Batcher
from serving.server.batching_parameters import (
    MICRO_BATCHING,
    NO_BATCHING,
    BatchingParameters,
)
from serving.server.status import Code, ServingError


class Graph:
    """y = 2 x; remembers every call, and can be held up or fail."""

    def __init__(self):
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Event()
        self.refuses = lambda _: False
        self.before_call = lambda: None

    def __call__(self, *inputs):
        self.running.set()
        assert self.gate.wait(10)
        if len(inputs[0]) > 1:
            self.before_call()
            time.sleep(0.02)  # until the loop has seen to it
        self.calls.append([values.copy() for values in inputs])
        if self.refuses(inputs[0]):
            raise ValueError("row refused")
        return [inputs[0] * 2]

    @property
    def sizes(self):
        return [len(call[0]) for call in self.calls]


@pytest.fixture
def graph():
    return Graph()


@pytest.fixture
def make_batcher(graph, pool):
    def make(parameters=MICRO_BATCHING, call=graph):
        heard = []
        batcher = Batcher(call, parameters, pool, lambda *facts: heard.append(facts))
        batcher.heard = heard
        return batcher

    return make


def rows(*values):
    return [np.array(values, np.float32)]


async def queue_up(batcher, graph, requests):
    """Holds the first request in the graph while the others queue."""
    graph.gate.clear()
    first = asyncio.ensure_future(batcher.run(*requests[0]))
    await asyncio.to_thread(graph.running.wait, 10)
    others = [asyncio.ensure_future(batcher.run(*request)) for request in requests[1:]]
    await asyncio.sleep(0.01)
    graph.gate.set()
    return [first, *others]


def answers_of(batcher, graph, requests):
    async def ask():
        futures = await queue_up(batcher, graph, requests)
        return await asyncio.gather(*futures, return_exceptions=True)

    return asyncio.run(ask())


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


def test_larger_request_is_refused_under_tf_servings_batching(graph, make_batcher):
    parameters = BatchingParameters(max_batch_size=2, max_enqueued_batches=1)
    found = answers_of(
        make_batcher(parameters), graph, [(rows(1), 1), (rows(*"123"), 3)]
    )
    assert found[1].code is Code.INVALID_ARGUMENT
    assert "Task size 3 is larger than maximum input batch size 2" in str(found[1])


def test_full_queue_refuses_and_the_others_are_answered(graph, make_batcher):
    parameters = BatchingParameters(max_batch_size=2, max_enqueued_batches=2)
    requests = [(rows(number), 1) for number in range(7)]
    found = answers_of(make_batcher(parameters), graph, requests)
    refused = [answer for answer in found if isinstance(answer, ServingError)]
    assert [error.code for error in refused] == [Code.RESOURCE_EXHAUSTED] * 2
    assert [answer[0].tolist() for answer in found[:5]] == [[0], [2], [4], [6], [8]]


def test_client_that_hung_up_is_left_out_of_the_batch(graph, make_batcher):
    async def ask():
        requests = [(rows(number), 1) for number in range(4)]
        graph.gate.clear()
        batcher = make_batcher()
        first = asyncio.ensure_future(batcher.run(*requests[0]))
        await asyncio.to_thread(graph.running.wait, 10)
        others = [asyncio.ensure_future(batcher.run(*ask)) for ask in requests[1:]]
        await asyncio.sleep(0.01)
        first.cancel()  # mid-batch
        others[1].cancel()  # in the queue
        await asyncio.sleep(0.01)
        graph.gate.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        again = await batcher.run(rows(9), 1)
        return found, again

    found, again = asyncio.run(ask())
    assert [type(answer) for answer in found[::2]] == [asyncio.CancelledError] * 2
    assert [found[1][0].tolist(), found[3][0].tolist()] == [[2], [6]]
    assert graph.calls[1][0].tolist() == [1, 3]
    assert again[0].tolist() == [18]


def test_client_that_hangs_up_while_its_batch_runs_costs_no_other_its_answer(
    graph, make_batcher
):
    async def ask():
        batcher = make_batcher()
        futures = await queue_up(batcher, graph, [(rows(0), 1)])
        await asyncio.gather(*futures)
        graph.gate.clear()
        graph.running.clear()
        blocker = asyncio.ensure_future(batcher.run(rows(9), 1))
        await asyncio.to_thread(graph.running.wait, 10)
        graph.before_call = lambda: loop.call_soon_threadsafe(others[0].cancel)
        others = [asyncio.ensure_future(batcher.run(rows(n), 1)) for n in (1, 2, 3)]
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.01)
        graph.gate.set()
        await blocker
        return await asyncio.gather(*others, return_exceptions=True)

    found = asyncio.run(asyncio.wait_for(ask(), 10))
    assert isinstance(found[0], asyncio.CancelledError)
    assert [answer[0].tolist() for answer in found[1:]] == [[4], [6]]
    assert graph.calls[-1][0].tolist() == [1, 2, 3]


def test_batch_of_clients_that_all_hung_up_is_not_run(graph, make_batcher):
    async def ask():
        batcher = make_batcher()
        graph.gate.clear()
        blocker = asyncio.ensure_future(batcher.run(rows(1), 1))
        await asyncio.to_thread(graph.running.wait, 10)
        waiting = asyncio.ensure_future(batcher.run(rows(2), 1))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0.01)
        graph.gate.set()
        await blocker
        await batcher.run(rows(3), 1)

    asyncio.run(ask())
    assert [call[0].tolist() for call in graph.calls] == [[1], [3]]


def test_bad_row_fails_its_own_request_only(graph, make_batcher):
    graph.refuses = lambda values: bool((values < 0).any())
    requests = [(rows(0), 1), (rows(1), 1), (rows(-1), 1), (rows(2), 1)]
    found = answers_of(make_batcher(), graph, requests)
    assert found[2].code is Code.INVALID_ARGUMENT
    assert "row refused" in found[2].message
    assert [found[place][0].tolist() for place in (0, 1, 3)] == [[0], [2], [4]]


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


def test_owner_lives_until_the_graph_is_done_with_its_request(graph, make_batcher):
    class Owner:
        pass

    async def ask():
        batcher = make_batcher()
        graph.gate.clear()
        owner = Owner()
        seen = weakref.ref(owner)
        # Not by run(): the frames of its traceback would hold the owner as well.
        request = batcher_module._Request(rows(1), 1, [()], owner)
        batcher._enqueue(request)
        await asyncio.to_thread(graph.running.wait, 10)
        request.future.cancel()
        del owner, request
        gc.collect()
        was_alive = seen() is not None
        graph.gate.set()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if seen() is None:
                break
        return was_alive, seen() is None

    assert asyncio.run(ask()) == (True, True)


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
