"""What the prediction log costs a server under full load.

    python -m benchmarks.prediction_log BUNDLE [--seconds 2] [--rounds 25]

One server whose log is switched off and on (switched_log_server) is loaded by wrk
(REST) or h2load (gRPC), a turn without the log and one with it, the order changing
every round: what the machine does meanwhile befalls both. 64 connections, one row a
request, every request logged. Reported are the medians of the rounds, the geometric
mean of their ratios with its 95 % interval (1.96 standard errors), requests that
failed, rows written, dropped and read back, and the log's size.
"""

import argparse
import json
import math
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import load_generators, switched_log_server
from benchmarks.load_generators import Load
from benchmarks.serving import check_grpc
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import named_tensors, read_golden_batch
from serving.prediction_log.log_reader import PredictionLog
from serving.server_check.server_process import ServerProcess

_CONNECTIONS = 64
_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_GRPC_REQUESTS_PER_S = 2000
# What a load left in the log's queue is written before the other's turn.
_SETTLE_S = 1.0
_WIDTH = 1.96


@dataclass
class Turns:
    """Loads of one protocol, a round each.

    Attributes:
        off, on: Without and with the log.
    """

    off: list[Load] = field(default_factory=list)
    on: list[Load] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Requests a second with the log by those without, of every round."""
        return [
            on.requests_per_s / off.requests_per_s
            for on, off in zip(self.on, self.off, strict=True)
        ]


def main() -> int:
    """Measures and prints; returns 1 where a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--flag", action="append", default=[], help="Of the server.")
    options = parser.parse_args()
    load_generators.check_installed()
    with tempfile.TemporaryDirectory() as name:
        rest, grpc = _measure(options, Path(name))
        _print_turns("REST", rest)
        _print_turns("gRPC", grpc)
        _print_log(Path(name) / "log", [*rest.on, *grpc.on])
    loads = [*rest.on, *rest.off, *grpc.on, *grpc.off]
    return 1 if any(load.failed for load in loads) else 0


def _measure(options: argparse.Namespace, folder: Path) -> tuple[Turns, Turns]:
    bundle = options.bundle.resolve()
    (folder / "m").mkdir()
    (folder / "m" / bundle.name).symlink_to(bundle, target_is_directory=True)
    common = ("--model_name=m", f"--model_base_path={folder / 'm'}")
    log = (f"--prediction_log_dir={folder / 'log'}", *options.flag)
    bodies, message = single_bodies(bundle), grpc_message(bundle, "m")
    flags = (*common, *log)
    binary = _switched_server(folder / "server")
    with ServerProcess(flags, log=folder / "out", binary=binary) as server:
        server.wait_until_available("m")
        check_grpc(server.grpc_target, message)

        def rest_load() -> Load:
            url = f"{server.rest_address}/v1/models/m:predict"
            return load_generators.wrk(
                url, bodies, _CONNECTIONS, options.seconds, server.pid
            )

        def grpc_load() -> Load:
            return load_generators.h2load(
                server.grpc_target, _PREDICT, message, _CONNECTIONS,
                int(_GRPC_REQUESTS_PER_S * options.seconds), server.pid,
            )  # fmt: skip

        rest = _take_turns(options.rounds, server.pid, rest_load)
        grpc = _take_turns(options.rounds, server.pid, grpc_load)
        for line in server.metrics_text().splitlines():
            if line.startswith("slipway_prediction_log"):
                sys.stdout.write(f"{line}\n")
    return rest, grpc


def _switched_server(path: Path) -> str:
    """Writes a program that starts a switched_log_server."""
    module = switched_log_server.__name__
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
    path.chmod(0o700)
    return str(path)


def _take_turns(rounds: int, pid: int, load: Callable[[], Load]) -> Turns:
    turns = Turns()
    switches = [(signal.SIGUSR2, turns.off), (signal.SIGUSR1, turns.on)]
    load()  # what warms up is not counted
    for number in range(rounds):
        for switch, found in switches if number % 2 else reversed(switches):
            time.sleep(_SETTLE_S)
            os.kill(pid, switch)
            found.append(load())
    return turns


def single_bodies(bundle: Path) -> list[bytes]:
    """Returns every golden row as a REST request of one row."""
    golden = read_golden_batch(bundle)
    return [
        json.dumps(
            {"instances": [dict(zip(golden.raw_features, row.raw, strict=True))]}
        ).encode()
        for row in golden.rows
    ]


def grpc_message(bundle: Path, model: str) -> bytes:
    """Returns the first golden row as a PredictRequest."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    contract = read_contract(bundle).contract
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    tensors = named_tensors(read_golden_batch(bundle), contract.raw_features)
    for feature in contract.raw_features:
        dtype = tf.string if feature.dtype == "string" else tf.float32
        proto = tf.make_tensor_proto(tensors[feature.name][:1].tolist(), dtype)
        request.inputs[feature.name].CopyFrom(proto)
    return bytes(request.SerializeToString())


def _print_turns(name: str, turns: Turns) -> None:
    def median(loads: Sequence[Load], what: str) -> float:
        return statistics.median(getattr(load, what) for load in loads)

    lines = [name]
    for kind, loads in (("off", turns.off), ("on", turns.on)):
        lines.append(
            f"  log {kind:3}  {median(loads, 'requests_per_s'):8,.0f} requests/s  "
            f"{median(loads, 'cpu_us'):5.1f} µs CPU each  "
            f"p50 {median(loads, 'p50_ms'):.2f} ms  "
            f"p99 {median(loads, 'p99_ms'):.2f} ms  "
            f"{sum(load.failed for load in loads)} failed"
        )
    logs = [math.log(ratio) for ratio in turns.ratios]
    mean, error = statistics.mean(logs), statistics.stdev(logs) / len(logs) ** 0.5
    low, high = math.exp(mean - _WIDTH * error), math.exp(mean + _WIDTH * error)
    lines.append(
        f"  throughput with the log: {math.exp(mean):.3f} of that without "
        f"({low:.3f} to {high:.3f}; {len(logs)} rounds)"
    )
    sys.stdout.write("\n".join([*lines, ""]))


def _print_log(folder: Path, loads: Sequence[Load]) -> None:
    log = PredictionLog(folder, "m")
    files = [path for path in folder.rglob("*.parquet") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    started = time.monotonic()
    rows = log.read(columns=["request_id", "row"]).num_rows
    sys.stdout.write(
        f"log: {rows:,} rows in {len(files)} files, {size / max(rows, 1):.0f} bytes a "
        f"row, read in {time.monotonic() - started:.1f} s; "
        f"{sum(load.requests for load in loads):,} requests in the rounds that count; "
        f"{log.dropped()}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
