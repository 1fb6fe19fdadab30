"""Makes signals arrive, and ends the test process once the summary is printed.

A shell without job control starts background commands with SIGINT ignored, and what
they start inherits it: tests that send Ctrl-C to a process would wait for ever.

Arrow's thread pool is taken down after the interpreter: a reader's thread that still
waits for Python's lock then waits for ever, and with it the process, whose tests have
all passed.

A property holds however slow the machine is: Hypothesis gives no example a deadline.
"""

import os
import signal
import sys

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A handler of Python's becomes the default action in what is started.
signal.signal(signal.SIGINT, signal.default_int_handler)

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
