"""The server as a process: starts, drains, is watched over, and says what is wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from serving.server.main import main
from serving.server.status import Code, ServingError
from serving.server.version_loading import VersionLoader
from serving.server.workers import Supervisor
from tests.serving.server.small_models import write_linear


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process, its log and its access log."""

    def __init__(self, log, *flags):
        self.rest_port, self.grpc_port = free_port(), free_port()
        self.log = log
        self.access_log = log.with_suffix(".jsonl")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "serving.server",
                f"--rest_api_port={self.rest_port}", f"--port={self.grpc_port}",
                f"--access_log={self.access_log}",
                *flags,
            ],
            stderr=log.open("w"),
        )  # fmt: skip

    def wait_until_it_serves(self):
        end_s = time.monotonic() + 60
        while " Serving." not in self.log.read_text():
            assert time.monotonic() < end_s, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def predict(self, *values):
        body = json.dumps({"instances": values}).encode()
        url = f"http://127.0.0.1:{self.rest_port}/v1/models/m:predict"
        with urllib.request.urlopen(url, body, timeout=20) as answer:
            return json.loads(answer.read())["predictions"]

    def get(self, path):
        url = f"http://127.0.0.1:{self.rest_port}{path}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read().decode()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def base_path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    write_linear(folder / "1")
    return folder


@pytest.fixture
def start(tmp_path, base_path):
    started = []

    def make(*flags):
        server = Server(
            tmp_path / f"log-{len(started)}",
            "--model_name=m",
            f"--model_base_path={base_path}",
            *flags,
        )
        started.append(server)
        return server

    yield make
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def test_term_under_load_loses_no_accepted_request(start, tmp_path):
    metrics = tmp_path / "monitoring.txt"
    metrics.write_text("prometheus_config { enable: true }")
    server = start(f"--monitoring_config_file={metrics}")
    server.wait_until_it_serves()
    assert server.predict(1.0, 2.0) == [2.5, 3.0]
    count = ':tensorflow:serving:request_count{model_name="m",status="OK"} 1'
    assert count in server.get("/monitoring/prometheus/metrics")
    faults, answers = [], []
    ends = threading.Event()

    def ask():
        while not ends.is_set():
            try:
                answers.append(server.predict(1.0))
            except urllib.error.URLError as error:
                # After the signal the port is closed; that is the only fault allowed.
                if not isinstance(error.reason, ConnectionRefusedError):
                    faults.append(error)
                return
            except OSError as error:
                faults.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    exit_code = server.stop()
    ends.set()
    for thread in threads:
        thread.join(30)
    assert exit_code == 0, server.log.read_text()
    assert len(answers) > 50
    assert server.access_log.read_text().count('"rows":1,') == len(answers)
    assert all(answer == [2.5] for answer in answers)
    # A connection that the system had accepted and the server had not yet is reset.
    assert all(isinstance(fault, ConnectionResetError) or
               isinstance(getattr(fault, "reason", None), ConnectionResetError)
               for fault in faults), faults  # fmt: skip


@pytest.fixture
def own_signal_handlers():
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signal_handlers")
def test_dead_worker_is_started_again_until_all_are_told_to_stop(tmp_path, eventually):
    pids = tmp_path / "pids"
    worker = (
        "import os, sys, time\n"
        f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        "time.sleep(60)\n"
    )

    def started():
        return pids.read_text().split() if pids.exists() else []

    def kill_one_then_stop():
        eventually(lambda: len(started()) == 2)
        os.kill(int(started()[0]), signal.SIGKILL)
        eventually(lambda: len(started()) == 3)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=kill_one_then_stop)
    thread.start()
    assert Supervisor([sys.executable, "-c", worker], 2, 1).run() == 0
    thread.join(10)
    assert len(started()) == 3
    for pid in started():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_configuration_that_cannot_be_used_ends_with_2(tmp_path, base_path, caplog):
    broken = tmp_path / "batching.txt"
    broken.write_text("nonsense")
    flags = ("--enable_batching", f"--batching_parameters_file={broken}")
    assert main([f"--model_base_path={base_path}", *flags]) == 2
    assert "Invalid protobuf file" in caplog.text


@pytest.mark.parametrize("flag", ["--port", "--rest_api_port"])
def test_taken_port_ends_with_1(base_path, caplog, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = [f"--model_base_path={base_path}", "--port=0", f"{flag}={port}"]
        assert main(flags) == 1
    assert "cannot listen" in caplog.text


def test_term_while_a_model_loads_ends_the_server_at_once(base_path, monkeypatch):
    release, loading = threading.Event(), threading.Event()

    def load(*_):
        loading.set()
        release.wait(20)
        raise ServingError(Code.UNAVAILABLE, "too late")

    def signal_once_it_loads():
        loading.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(VersionLoader, "load", load)
    threading.Thread(target=signal_once_it_loads).start()
    started = time.monotonic()
    assert main([f"--model_base_path={base_path}", f"--port={free_port()}"]) == 0
    assert time.monotonic() - started < 10
    release.set()


def test_workers_that_cannot_be_configured_end_the_supervisor():
    supervisor = Supervisor([sys.executable, "-c", "raise SystemExit(2)"], 2, 1)
    assert supervisor.run() == 2


def test_worker_whose_supervisor_was_killed_stops_and_leaves_no_counts(
    base_path, tmp_path
):
    monitoring = tmp_path / "monitoring.txt"
    monitoring.write_text("prometheus_config { enable: true }")
    metrics_file = tmp_path / "counts" / "0.json"
    metrics_file.parent.mkdir()
    metrics_file.with_name("1.json").write_text("{}")
    flags = [
        f"--model_base_path={base_path}",
        f"--port={free_port()}",
        f"--monitoring_config_file={monitoring}",
        f"--metrics_file={metrics_file}",
        f"--supervisor_pid={os.getpid()}",  # not of our parent
    ]
    assert main(flags) == 0
    assert not metrics_file.parent.exists()


def test_access_log_that_cannot_be_opened_ends_with_2(base_path, tmp_path, caplog):
    path = tmp_path / "nowhere" / "access.jsonl"
    assert main([f"--model_base_path={base_path}", f"--access_log={path}"]) == 2
    assert f"--access_log is {str(path)!r}, which cannot be written" in caplog.text


def test_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert "TensorFlow Library: 2." in capsys.readouterr().out
