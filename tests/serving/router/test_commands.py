"""`slipway router` and `slipway proxy` as a person starts them."""

import contextlib
import http.client
import threading
import time

from serving.prediction_log.log_reader import PredictionLog
from tests.serving.router.router_process import RouterProcess
from tests.serving.router.running_router import ask, prediction
from tests.serving.router.stub_arm import HANG


def test_the_proxy_logs_what_passed_before_it_was_stopped(tmp_path, stable):
    options = (f"--upstream={stable.url}", "--model=m", f"--log={tmp_path / 'log'}")
    with RouterProcess("proxy", *options, log=tmp_path / "proxy.log") as proxy:
        assert [prediction(ask(proxy.rest)) for _ in range(3)] == [1.0] * 3
    assert PredictionLog(tmp_path / "log", "m").read().num_rows == 3
    said = (tmp_path / "proxy.log").read_text()
    assert f"rest     http://{proxy.rest}" in said
    # The stub's gRPC was not named, so none is offered.
    assert "grpc  " not in said


def test_an_address_that_is_none_is_refused_in_words(tmp_path):
    options = ("--upstream=http://a@b:1", "--model=m", f"--log={tmp_path / 'log'}")
    proxy = RouterProcess("proxy", *options, log=tmp_path / "proxy.log")
    exit_code, said = proxy.wait()
    assert exit_code != 0
    assert "has a user" in said


def test_a_request_that_hangs_holds_up_the_end_as_long_as_drain_says(
    tmp_path, stable, eventually
):
    stable.reply = HANG
    options = (f"--upstream={stable.url}", "--model=m", f"--log={tmp_path / 'log'}")
    log = tmp_path / "proxy.log"

    def hang():
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(proxy.rest)

    with RouterProcess("proxy", *options, "--drain=1", log=log) as proxy:
        waiting = threading.Thread(target=hang)
        waiting.start()
        eventually(lambda: any(one.path.endswith(":predict") for one in stable.seen))
        began_s = time.monotonic()
        assert proxy.stop() == 0
        assert 0.9 < time.monotonic() - began_s < 10
        waiting.join()
