"""A wait for what another thread does."""

import time

import pytest


@pytest.fixture
def eventually():
    """A function that waits until a condition holds, for at most ten seconds."""

    def wait(condition, limit_s=10.0):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, "it did not come to pass"
            time.sleep(0.005)

    return wait
