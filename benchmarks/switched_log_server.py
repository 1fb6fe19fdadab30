"""A model server whose prediction log can be switched off and on again.

    python -m benchmarks.switched_log_server FLAG…

Takes the server's flags. SIGUSR2 lets go by whatever is answered from now on, SIGUSR1
logs it again. Two servers would differ in more than the log: where their memory came to
lie makes one of two equal ones 10 % faster for as long as it runs.
"""

import signal
import sys
from collections.abc import Sequence

from serving.server.grpc_calls import RpcCall
from serving.server.main import main
from serving.server.rest.http_message import AnsweredRequest


def make_switchable() -> None:
    """Puts the switch between the server and its log; on at first."""
    from serving.server.prediction_logging import PredictionLogging

    log_requests, log_call = PredictionLogging.on_requests, PredictionLogging.on_call
    is_on = True

    def on_requests(
        self: PredictionLogging, answered: Sequence[AnsweredRequest]
    ) -> None:
        if is_on:
            log_requests(self, answered)

    def on_call(self: PredictionLogging, call: RpcCall) -> None:
        if is_on:
            log_call(self, call)

    def switch(number: int, _: object) -> None:
        nonlocal is_on
        is_on = number == signal.SIGUSR1

    PredictionLogging.on_requests = on_requests  # type: ignore[method-assign]
    PredictionLogging.on_call = on_call  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, switch)
    signal.signal(signal.SIGUSR2, switch)


if __name__ == "__main__":
    make_switchable()
    sys.exit(main())
