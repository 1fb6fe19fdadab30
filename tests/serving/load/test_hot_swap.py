"""Versions come and go while 200 clients ask, 20 of them over gRPC.

Every client knows from each answer which version gave it. The server's own reports of
what it serves bound when a version may answer: not before its folder was there, not
after it was said to have ended.
"""

import asyncio
import time
from dataclasses import dataclass

import numpy as np
import pytest

from tests.serving.load.crowd import Crowd
from tests.serving.load.model_states import until_state

MODEL, PINNED = "swapped", 2


@dataclass(frozen=True, kw_only=True)
class Swap:
    """One change of the folder; times on the monotonic clock.

    Attributes:
        old, new: Versions that serve before and after it.
        begun_s: Just before the folder changed.
        served_s: When the new version was reported to be available.
        ended_s: When the old one was reported to have ended.
    """

    old: int
    new: int
    begun_s: float
    served_s: float
    ended_s: float


class Stage:
    """Moves versions into and out of the folder of the model."""

    def __init__(self, server, base, ready):
        self.server, self.base, self.ready = server, base, ready
        self.serves, self.swaps = 1, []

    async def put(self, version):
        await self._swap(self.ready / str(version), self.base / str(version), version)

    async def take_away(self, version, then):
        await self._swap(self.base / str(version), self.ready / str(version), then)

    async def _swap(self, source, target, new):
        old, begun_s = self.serves, time.monotonic()
        source.rename(target)
        await until_state(self.server, MODEL, new, "AVAILABLE")
        served_s = time.monotonic()
        await until_state(self.server, MODEL, old, "END")
        self.swaps.append(
            Swap(
                old=old,
                new=new,
                begun_s=begun_s,
                served_s=served_s,
                ended_s=time.monotonic(),
            )
        )
        self.serves = new


@pytest.fixture(scope="module")
def seen(server, load_root, telling):
    """The swaps, and what the clients saw of them."""
    import shutil

    ready = load_root / "ready"
    for version in ("2", "3", "4"):
        shutil.copytree(telling / version, ready / version)
    stage = Stage(server, load_root / MODEL, ready)
    crowd = Crowd(
        rest_port=server.rest_port, grpc_target=server.grpc_target, model=MODEL
    )

    async def run():
        async with crowd.asking(rest=170, grpc=20, pinned=10, pin=PINNED):
            await crowd.until_each_asked(5)
            for put, then in ((2, None), (3, None), (3, 2), (4, None), (4, 2)):
                if then is None:
                    await stage.put(put)
                else:
                    await stage.take_away(put, then)
                await crowd.until_each_asked(2)
            await crowd.until_each_asked(5)

    asyncio.run(run())
    return stage.swaps, crowd


def test_no_request_fails_while_versions_are_swapped(seen):
    swaps, crowd = seen
    print(latencies(swaps, crowd.asked))  # noqa: T201 - for who runs it with -s
    assert len(crowd.asked) >= 200 * 20
    assert not crowd.problems, crowd.problems[:5]
    unpinned = [one for one in crowd.asked if one.pin is None]
    assert all(one.version for one in unpinned), "a version was not found"
    assert {one.version for one in unpinned} == {1, 2, 3, 4}
    assert {one.way for one in unpinned} == {"rest", "grpc"}
    assert len({one.version for one in unpinned if one.way == "grpc"}) == 4


def test_no_answer_from_a_version_that_was_not_served(seen):
    swaps, crowd = seen
    times = service_times(swaps)
    wrong = [
        one
        for one in crowd.asked
        if one.version is not None
        and not any(
            one.ended_s >= since_s and one.sent_s <= till_s
            for since_s, till_s in times[one.version]
        )
    ]
    assert not wrong, (wrong[:5], latencies(swaps, crowd.asked))


def test_once_a_version_is_reported_everyone_gets_it(seen):
    swaps, crowd = seen
    ends_s = [swap.begun_s for swap in swaps[1:]] + [float("inf")]
    for swap, end_s in zip(swaps, ends_s, strict=True):
        inside = [
            one
            for one in crowd.asked
            if swap.ended_s <= one.sent_s < one.ended_s < end_s
        ]
        assert {one.version for one in inside if one.pin is None} == {swap.new}
        pinned = {one.version for one in inside if one.pin == PINNED}
        assert pinned == {PINNED if swap.new == PINNED else None}


def service_times(swaps):
    """Returns version to the times in which it may answer."""
    times = {1: [(-float("inf"), swaps[0].ended_s)]}
    ends_s = [swap.ended_s for swap in swaps[1:]] + [float("inf")]
    for swap, end_s in zip(swaps, ends_s, strict=True):
        times.setdefault(swap.new, []).append((swap.begun_s, end_s))
    return times


def latencies(swaps, asked):
    """Returns a table: p50 and p99 in ms before, during and after the swaps."""

    def phase(one):
        if one.sent_s < swaps[0].begun_s:
            return "before"
        if one.sent_s > swaps[-1].ended_s:
            return "after"
        is_inside = any(swap.begun_s <= one.sent_s <= swap.ended_s for swap in swaps)
        return "during" if is_inside else "between"

    lines = ["\n        requests   p50 ms   p99 ms"]
    for name in ("before", "during", "between", "after"):
        took_ms = [(o.ended_s - o.sent_s) * 1e3 for o in asked if phase(o) == name]
        p50, p99 = np.percentile(took_ms, (50, 99)) if took_ms else (np.nan, np.nan)
        lines.append(f"{name:8}{len(took_ms):8} {p50:8.1f} {p99:8.1f}")
    return "\n".join(lines)
