"""A graph that can be held up or fail, and requests that queue behind it."""

import asyncio
import threading
import time

import numpy as np


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
