"""Ends the test process once the summary is printed.

Arrow's thread pool is taken down after the interpreter: a reader's thread that still
waits for Python's lock then waits for ever, and with it the process, whose tests have
all passed.
"""

import os
import sys

import pytest

_EXIT_STATUS = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    session.config.stash[_EXIT_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    status = config.stash.get(_EXIT_STATUS, None)
    if status is None:
        return  # nothing ran: --help, --version
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
