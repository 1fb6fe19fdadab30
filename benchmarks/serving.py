"""The embedded server beside what is built by hand, on the same model and rows.

    python -m benchmarks.serving BUNDLE [--seconds 10] [--docs FILE]

Each server in a process of its own, one after the other, with the load generator on the
same machine (see load_generators): rows a second, latency and the server's CPU a
request. The rows are those of the bundle's golden batch. The session callable alone, in
process, is the limit. --docs writes the table as Markdown and describes the machine.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import load_generators
from benchmarks.load_generators import Load
from benchmarks.machine_pace import turn_ns
from benchmarks.serving_report import (
    MANY_CONNECTIONS,
    MANY_ROWS,
    Way,
    findings,
    markdown,
    print_table,
)
from benchmarks.serving_rivals import LIMIT_BATCHES
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.server_check.server_process import ServerProcess

ROWS = 64
_START_S = 120.0
# A server as slow as that needs a longer load for a figure at 64 connections.
_SLOW_CALL_S, _SLOW_S = 0.02, 30.0
_GRPC_REQUESTS_PER_S = 2000
_TURNS = 5
"""Of the load of 64 connections: what the machine does beside it changes by the second,
and can only add to a request's CPU time."""
_PREDICT = "/tensorflow.serving.PredictionService/Predict"


def main() -> int:
    """Measures, prints and writes; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--docs", type=Path)
    options = parser.parse_args()
    load_generators.check_installed()
    with tempfile.TemporaryDirectory() as folder:
        benchmark = Benchmark(options.bundle.resolve(), Path(folder), options.seconds)
        limit = benchmark.limit()
        ways = [
            benchmark.ours(),
            benchmark.ours(workers=os.cpu_count() or 1),
            benchmark.rival("starlette"),
            benchmark.rival("fastapi"),
        ]
    lines = findings(ways, limit)
    print_table(ways, lines)
    if options.docs:
        options.docs.parent.mkdir(parents=True, exist_ok=True)
        options.docs.write_text(markdown(ways, lines), encoding="utf-8")
    return 0


class Benchmark:
    """The loads of one run."""

    def __init__(self, bundle: Path, folder: Path, seconds: float) -> None:
        """Makes the requests of the bundle's golden rows."""
        self._bundle = bundle
        self._folder = folder
        self._seconds = seconds
        golden = read_golden_batch(bundle)
        self._features = read_contract(bundle).contract.raw_features
        self._rows = [
            dict(zip(golden.raw_features, row.raw, strict=True))
            for row in golden.rows[:ROWS]
        ]
        self._singles = [self._body([row]) for row in self._rows]
        self._manies = [
            self._body(
                [self._rows[(first + n) % len(self._rows)] for n in range(MANY_ROWS)]
            )
            for first in range(0, len(self._rows), MANY_ROWS)
        ]

    @staticmethod
    def _body(rows: Sequence[Mapping[str, object]]) -> bytes:
        return json.dumps({"instances": rows}).encode()

    def ours(self, workers: int = 1) -> Way:
        """Measures the embedded server, bundle checks and metrics on."""
        monitoring = self._folder / "monitoring.config"
        monitoring.write_text("prometheus_config { enable: true }")
        name = read_contract(self._bundle).contract.model.name
        base = self._folder / name
        base.mkdir(exist_ok=True)
        if not any(base.iterdir()):
            (base / self._bundle.name).symlink_to(self._bundle)
        flags = [
            f"--model_name={name}", f"--model_base_path={base}",
            f"--monitoring_config_file={monitoring}",
        ]  # fmt: skip
        if workers > 1:
            flags.append(f"--workers={workers}")
        with ServerProcess(flags, log=self._folder / "server.log") as server:
            server.wait_until_available(name)
            url = f"{server.rest_address}/v1/models/{name}:predict"
            way = self._measure(
                " ".join(["slipway serve", *flags[3:]]), url, server.pid
            )
            if workers > 1:
                return way
            message = self._grpc_message(name)
            check_grpc(server.grpc_target, message)
            grpc = load_generators.h2load(
                server.grpc_target, _PREDICT, message, MANY_CONNECTIONS,
                int(_GRPC_REQUESTS_PER_S * self._seconds), server.pid,
            )  # fmt: skip
        return dataclasses.replace(way, grpc=grpc)

    def rival(self, kind: str) -> Way:
        """Measures one of benchmarks.serving_rivals."""
        names = {
            "starlette": "Starlette + session callable",
            "fastapi": "FastAPI + model.predict",
        }
        with rival_process(kind, self._bundle) as (pid, port):
            url = f"http://127.0.0.1:{port}/predict"
            wait_for_answer(url, self._singles[0])
            return self._measure(names[kind], url, pid)

    def limit(self) -> dict[int, float]:
        """Returns rows a second of the callable alone, by batch size."""
        bodies = self._folder / "bodies"
        bodies.write_bytes(b"\n".join(self._singles))
        output = subprocess.run(  # noqa: S603 - our own module
            [*_rival_command("limit", self._bundle), str(bodies)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        found = json.loads(output.splitlines()[-1])
        return {size: found[str(size)] for size in LIMIT_BATCHES}

    def _measure(self, name: str, url: str, pid: int) -> Way:
        def load(bodies: Sequence[bytes], connections: int) -> Load:
            seconds = max(self._seconds, _SLOW_S) if is_slow else self._seconds
            found = load_generators.wrk(url, bodies, connections, seconds, pid)
            # What the load left behind is answered before the next begins.
            wait_for_answer(url, bodies[0])
            return found

        calls_s = [
            seconds_of(lambda: wait_for_answer(url, self._singles[0])) for _ in range(3)
        ]
        is_slow = min(calls_s) > _SLOW_CALL_S

        before = turn_ns()
        one = load(self._singles, 1)
        turns = [
            load(self._singles, MANY_CONNECTIONS)
            for _ in range(1 if is_slow else _TURNS)
        ]
        rows = load(self._manies, MANY_CONNECTIONS)
        turns.sort(key=lambda turn: turn.cpu_us)
        return Way(
            name=name,
            one=one,
            many=turns[len(turns) // 2],
            many_cpu_us=tuple(turn.cpu_us for turn in turns),
            rows=rows,
            turn_ns=(before, turn_ns()),
        )

    def _grpc_message(self, name: str) -> bytes:
        """Returns one row as a PredictRequest."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        for feature in self._features:
            value = self._rows[0][feature.name]
            is_text = feature.dtype == "string"
            if value is None:
                value = "" if is_text else np.nan
            dtype = tf.string if is_text else tf.float32
            request.inputs[feature.name].CopyFrom(tf.make_tensor_proto([value], dtype))
        return bytes(request.SerializeToString())


def check_grpc(target: str, message: bytes) -> None:
    """Raises grpc.RpcError where the request is not answered: h2load cannot tell."""
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    with grpc.insecure_channel(target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(predict_pb2.PredictRequest.FromString(message), timeout=10)


def _rival_command(kind: str, bundle: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.serving_rivals", kind, str(bundle)]


@contextlib.contextmanager
def rival_process(kind: str, bundle: Path) -> Iterator[tuple[int, int]]:
    """Runs a rival; gives its process id and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    process = subprocess.Popen(  # noqa: S603 - our own module
        [*_rival_command(kind, bundle), str(port)], env=environment
    )
    try:
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def seconds_of(call: Callable[[], None]) -> float:
    """Returns how long a call takes, seconds."""
    started = time.monotonic()
    call()
    return time.monotonic() - started


def wait_for_answer(url: str, body: bytes) -> None:
    """Waits until a rival answers; raises RuntimeError where it never does."""
    end_s = time.monotonic() + _START_S
    request = urllib.request.Request(  # noqa: S310 - http
        url, body, {"Content-Type": "application/json"}
    )
    while time.monotonic() < end_s:
        try:
            urllib.request.urlopen(request, timeout=60).read()  # noqa: S310 - http
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{url}: {error.read().decode()}") from error
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"{url} did not answer in {_START_S:g} s.")


if __name__ == "__main__":
    sys.exit(main())
