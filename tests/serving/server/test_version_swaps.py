"""Versions are swapped while eight clients ask."""

import asyncio
import gc

import numpy as np

from serving.server.core import ModelSpec
from serving.server.model_config import ModelConfig
from serving.server.model_manager import ManagerOptions, ModelManager
from serving.server.version_loading import VersionLoader
from tests.serving.server.small_models import write_linear

MODEL = ModelSpec(name="m")
LAST = 5


def test_swaps_under_load_lose_no_request(tmp_path, runtime):
    base, ready = tmp_path / "swapped", tmp_path / "ready"
    write_linear(base / "1", slope=0, offset=1)
    for version in range(2, LAST + 1):
        write_linear(ready / str(version), slope=0, offset=version)
    loader = VersionLoader(runtime=runtime)
    manager = ModelManager(loader.load, ManagerOptions(poll_wait_s=0.05))
    manager.start([ModelConfig(name="m", base_path=base)])
    found = asyncio.run(ask_while_swapping(manager, base, ready))
    manager.stop()
    assert {answer for own in found for answer, _ in own} == set(range(1, LAST + 1))
    for own in found:
        assert all(answer == version for answer, version in own)
        assert own == sorted(own), "an old version answered after a newer one"


async def ask_while_swapping(manager, base, ready):
    """Returns (answer, version) of every request, a list a client."""
    done = asyncio.Event()
    clients = [asyncio.ensure_future(client(manager, done)) for _ in range(8)]
    for version in range(2, LAST + 1):
        (ready / str(version)).rename(base / str(version))
        await until(lambda: manager.servable(MODEL).version == version)  # noqa: B023
        await asyncio.sleep(0.05)
    done.set()
    found = await asyncio.gather(*clients)
    del clients
    gc.collect()
    states = {"AVAILABLE", "END"}
    await until(lambda: {one.state for one in manager.status(MODEL)} == states)
    return found


async def client(manager, done):
    answers = []
    while not done.is_set():
        servable = manager.servable(MODEL)
        found = await servable.run("serving_default", {"x": np.zeros(1, np.float32)})
        answers.append((float(found["y"][0]), servable.version))
        del servable
    return answers


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to pass")
