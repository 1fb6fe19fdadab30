"""Clients that hang up, rows that fail, queues that are full: nobody else pays."""

import asyncio
import gc
import weakref

from serving.server import batcher as batcher_module
from serving.server.batching_parameters import BatchingParameters
from serving.server.status import Code, ServingError
from tests.serving.server.batcher_graph import answers_of, queue_up, rows


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
