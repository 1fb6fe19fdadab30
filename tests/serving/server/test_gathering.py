"""What comes in neighbouring turns of the loop is handed on together."""

import asyncio
import time

from serving.server.gathering import Gathering


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


def collected(**options):
    """A gathering, and the lists it has handed on so far."""
    found = []
    defaults = {"quiet_turns": 10, "longest_s": 5.0}
    return Gathering(found.append, **(defaults | options)), found


def test_what_comes_in_neighbouring_turns_is_handed_on_together():
    async def ask():
        gathering, found = collected()
        gathering.add("first")
        await turns(3)
        gathering.add("a")
        gathering.add("b")
        await turns(5)
        assert found == []
        await turns(20)
        gathering.add("later")
        await turns(20)
        return found

    assert asyncio.run(ask()) == [["first", "a", "b"], ["later"]]


def test_one_alone_is_handed_on_at_once():
    async def ask():
        gathering, found = collected(quiet_turns=40)
        started = time.monotonic()
        gathering.add("one")
        while not found:
            await asyncio.sleep(0)
        return time.monotonic() - started

    assert min(asyncio.run(ask()) for _ in range(5)) < 0.005


def test_it_ends_though_more_keeps_coming():
    ticks = iter(range(1000))

    async def ask():
        gathering, found = collected(longest_s=0.02, clock=lambda: next(ticks) * 0.001)
        for number in range(50):
            gathering.add(number)
            await asyncio.sleep(0)
        return found

    assert asyncio.run(ask())
