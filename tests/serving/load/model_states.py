"""What a server says of a model's versions, waited for from a thread or a loop."""

import asyncio
import time

_POLL_S = 0.02
TIMEOUT_S = 30.0


def states(server, model):
    """Returns version to (state, error message)."""
    found = (server.status(model) or {}).get("model_version_status", [])
    return {
        int(one["version"]): (one["state"], one["status"]["error_message"])
        for one in found
    }


async def until(is_so, what):
    """Waits until something that may block holds; other clients go on meanwhile."""
    end_s = time.monotonic() + TIMEOUT_S
    while not await asyncio.to_thread(is_so):
        assert time.monotonic() < end_s, f"not within {TIMEOUT_S:g} s: {what}"
        await asyncio.sleep(_POLL_S)


async def until_state(server, model, version, state):
    """Waits until a version has this state."""

    def is_so():
        return states(server, model).get(version, ("",))[0] == state

    await until(is_so, f"{model} {version} is {state}")


async def until_error(server, model, version):
    """Waits until a version has ended with an error; returns its text."""

    def is_so():
        state, error = states(server, model).get(version, ("", ""))
        return state == "END" and error

    await until(is_so, f"{model} {version} is refused")
    return states(server, model)[version][1]
