"""Calls that are under way together go on together."""

import asyncio
import time

from serving.server.gathering import Gathering


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


def test_calls_of_neighbouring_turns_go_on_in_the_same_turn():
    gone_on = []

    async def call(gathering, name):
        await gathering.join()
        gone_on.append(name)

    async def ask():
        gathering = Gathering()
        first = asyncio.ensure_future(call(gathering, "first"))
        await turns(3)
        others = [asyncio.ensure_future(call(gathering, name)) for name in "ab"]
        await turns(3)
        assert gone_on == []
        await asyncio.gather(first, *others)

    asyncio.run(ask())
    assert gone_on == ["first", "a", "b"]


def test_a_call_alone_goes_on_at_once():
    async def ask():
        started = time.monotonic()
        await Gathering().join()
        return time.monotonic() - started

    assert min(asyncio.run(ask()) for _ in range(5)) < 0.005


def test_gathering_ends_though_calls_keep_coming():
    ticks = iter(range(1000))

    async def ask():
        gathering = Gathering(clock=lambda: next(ticks) * 0.001)
        first = asyncio.ensure_future(gathering.join())
        others = []
        for _ in range(50):
            others.append(asyncio.ensure_future(gathering.join()))
            await asyncio.sleep(0)
        assert first.done()
        await asyncio.gather(*others)

    asyncio.run(asyncio.wait_for(ask(), 10))


def test_a_call_that_was_cancelled_keeps_nobody_waiting():
    async def ask():
        gathering = Gathering()
        gone = asyncio.ensure_future(gathering.join())
        stays = asyncio.ensure_future(gathering.join())
        await turns(2)
        gone.cancel()
        await asyncio.wait_for(stays, 5)
        await gathering.join()
        return gone.cancelled()

    assert asyncio.run(ask())
