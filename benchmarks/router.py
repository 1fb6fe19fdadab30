"""What the way through the router costs, beside the direct way, in one run.

    python -m benchmarks.router BUNDLE [--seconds 5] [--rounds 3]

One embedded server with a bundle; before it a router without a log and a proxy that
logs. Each round asks all three one after the other with the rows of the bundle's golden
batch, so that a machine that slows down slows all of them; the median round is printed.
Load generator, router and server share the machine's cores.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import load_generators
from benchmarks.load_generators import Load
from benchmarks.serving import check_grpc
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.client.tensor_proto import fill_tensor
from serving.client.wire_messages import new_message
from serving.server_check.server_process import ServerProcess
from serving.server_check.tied_process import tied

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_CONNECTIONS = (1, 64)
_ROWS = 64
_START_S = 60.0
_GRPC_PER_S = 1000
_RUN = "import typer; from pipeline.{0}_command import {0}; typer.run({0})"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to the server.

    Attributes:
        name: For the table.
        rest, grpc: "127.0.0.1:port" of either.
        pid: Of the process in front.
    """

    name: str
    rest: str
    grpc: str
    pid: int


def main() -> int:
    """Measures and prints; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    load_generators.check_installed()
    bundle = options.bundle.resolve()
    name = read_contract(bundle).contract.model.name
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ways = _started(bundle, name, Path(folder), stack)
        _measure(ways, name, bundle, options)
    return 0


def _started(bundle: Path, name: str, folder: Path, stack: ExitStack) -> list[Way]:
    base = folder / name
    base.mkdir()
    (base / bundle.name).symlink_to(bundle, target_is_directory=True)
    flags = (f"--model_name={name}", f"--model_base_path={base}")
    server = stack.enter_context(ServerProcess(flags, log=folder / "server.log"))
    server.wait_until_available(name)
    rest, grpc = server.rest_address.removeprefix("http://"), server.grpc_target
    direct = Way(name="direct", rest=rest, grpc=grpc, pid=server.pid)
    given = (f"--model={name}", f"--upstream=http://{rest}", f"--upstream-grpc={grpc}")
    proxied = (*given, f"--log={folder / 'log'}", f"--model-dir={base}")
    routed = (*given, f"--state={folder / 'state'}")
    return [
        direct,
        stack.enter_context(_in_front("router", routed, folder)),
        stack.enter_context(_in_front("proxy", proxied, folder)),
    ]


@contextmanager
def _in_front(command: str, options: tuple[str, ...], folder: Path) -> Iterator[Way]:
    rest, grpc = _free_ports(2)
    script = [sys.executable, "-c", _RUN.format(command), *options]
    ports = [f"--rest-port={rest}", f"--grpc-port={grpc}"]
    with (folder / f"{command}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module
            tied([*script, *ports], signal.SIGKILL),
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
    _wait_until_ready(f"http://127.0.0.1:{rest}/slipway/ready")
    try:
        yield Way(
            name={"router": "router", "proxy": "proxy, logs all"}[command],
            rest=f"127.0.0.1:{rest}",
            grpc=f"127.0.0.1:{grpc}",
            pid=process.pid,
        )
    finally:
        process.terminate()
        process.wait(30)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        held = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in held:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in held]


def _wait_until_ready(url: str) -> None:
    end_s = time.monotonic() + _START_S
    while time.monotonic() < end_s:
        try:
            urllib.request.urlopen(url, timeout=5).read()  # noqa: S310 - http
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{url} was not ready in {_START_S:g} s.")


def _measure(
    ways: list[Way], name: str, bundle: Path, options: argparse.Namespace
) -> None:
    bodies, message = _requests(name, bundle)
    for way in ways:
        check_grpc(way.grpc, message)
    for connections in _CONNECTIONS:
        found: dict[str, list[Load]] = {way.name: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                url = f"http://{way.rest}/v1/models/{name}:predict"
                found[way.name].append(
                    load_generators.wrk(
                        url, bodies, connections, options.seconds, way.pid
                    )
                )
        _print_rows(f"REST, {connections} connections", found)
    found = {way.name: [] for way in ways}
    for _ in range(options.rounds):
        for way in ways:
            count = int(_GRPC_PER_S * options.seconds)
            found[way.name].append(
                load_generators.h2load(
                    way.grpc, _PREDICT, message, _CONNECTIONS[-1], count, way.pid
                )
            )
    _print_rows(f"gRPC, {_CONNECTIONS[-1]} connections", found)


def _requests(name: str, bundle: Path) -> tuple[list[bytes], bytes]:
    """Returns bodies of one row each for REST, and the first as a PredictRequest."""
    import numpy as np

    golden = read_golden_batch(bundle)
    rows = [
        dict(zip(golden.raw_features, row.raw, strict=True))
        for row in golden.rows[:_ROWS]
    ]
    request = new_message("PredictRequest")
    request.model_spec.name = name
    for feature in read_contract(bundle).contract.raw_features:
        value = rows[0][feature.name]
        if feature.dtype == "string":
            array = np.array([(value or "").encode()], object)
        else:
            array = np.array([np.nan if value is None else value], np.float32)
        fill_tensor(request.inputs[feature.name], array)
    bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
    return bodies, bytes(request.SerializeToString())


def _print_rows(title: str, found: dict[str, list[Load]]) -> None:
    print(f"\n{title}")
    print(
        f"{'':18}{'requests/s':>12}{'of direct':>11}{'p50 ms':>9}{'p99 ms':>9}", end=""
    )
    print(f"{'+p50':>8}{'+p99':>8}{'CPU us':>9}{'failed':>8}")
    direct = next(iter(found.values()))
    for name, loads in found.items():
        values = [
            median(load.requests_per_s for load in loads),
            median(
                load.requests_per_s / beside.requests_per_s
                for load, beside in zip(loads, direct, strict=True)
            ),
            median(load.p50_ms for load in loads),
            median(load.p99_ms for load in loads),
            _added(loads, direct, "p50_ms"),
            _added(loads, direct, "p99_ms"),
            median(load.cpu_us for load in loads),
        ]
        shown = "{:12,.0f}{:11.2f}{:9.2f}{:9.2f}{:8.2f}{:8.2f}{:9.0f}".format(*values)
        print(f"{name:18}{shown}{sum(load.failed for load in loads):8}")


def _added(loads: list[Load], direct: list[Load], field: str) -> float:
    return median(
        getattr(load, field) - getattr(beside, field)
        for load, beside in zip(loads, direct, strict=True)
    )


if __name__ == "__main__":
    sys.exit(main())
