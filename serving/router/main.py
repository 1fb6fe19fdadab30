"""Runs a router until a signal."""

import gc
import logging
import sys

from serving.router.router_flags import RouterFlags

_GARBAGE_THRESHOLD = 50_000
_SWITCH_S = 0.0005
"""The log's threads give way after so long; Python's own 5 ms would be added to the
latency of the requests that pass meanwhile."""


def main(flags: RouterFlags) -> None:
    """Routes until SIGTERM or SIGINT.

    Raises:
        RouterError: State, counts, an address or a port cannot be used.
    """
    import uvloop

    from serving.router.application import RouterApplication

    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname).1s %(process)d %(message)s",
    )
    application = RouterApplication(flags)
    # What was imported is no garbage, and requests under way are none either.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(_GARBAGE_THRESHOLD, 20, 20)
    uvloop.run(application.run())
