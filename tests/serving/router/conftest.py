"""Two arms and what every test of the router waits with."""

import time

import pytest

from tests.serving.router.stub_arm import StubArm


@pytest.fixture
def stable():
    """The stable arm; it answers 1.0."""
    with StubArm(1.0) as arm:
        yield arm


@pytest.fixture
def candidate():
    """The candidate; it answers 2.0."""
    with StubArm(2.0) as arm:
        yield arm


@pytest.fixture
def eventually():
    """A function that waits until a condition holds, for at most ten seconds."""

    def wait(condition, limit_s=10.0):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, "it did not come to pass"
            time.sleep(0.01)

    return wait
