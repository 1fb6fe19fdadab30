"""Kills a logging server under full load, at random moments, and reads what is left.

    python -m benchmarks.prediction_log_kills BUNDLE [--kills 10] [--seed 1]

wrk loads the server over 64 connections; after 1 to 6 seconds it is killed with SIGKILL
and started again over the same log: every other time the server alone, else the process
that writes its log with it, as where a machine or a container ends. Every file of the
log must be readable, no row may be there twice, and of the requests that wrk saw
answered at most those of the stated buffer may be missing: `rotate_s` seconds' rows and
what waited. Exit code 1: not so.
"""

import argparse
import math
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks import load_generators
from benchmarks.load_generators import Load
from benchmarks.prediction_log import single_bodies
from benchmarks.process_tree import descendants
from serving.prediction_log import log_layout
from serving.prediction_log.log_reader import PredictionLog
from serving.server_check.server_process import ServerProcess

_CONNECTIONS = 64
_ROTATE_S, _ROTATE_ROWS = 1.0, 20_000
_BUFFER_ROWS = 130_000
_SECONDS = (1.0, 6.0)


def main() -> int:
    """Kills, counts and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    load_generators.check_installed()
    moments = random.Random(options.seed)  # noqa: S311 - moments of kills
    bundle = options.bundle.resolve()
    is_well = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m").mkdir()
        (folder / "m" / bundle.name).symlink_to(bundle, target_is_directory=True)
        bodies = single_bodies(bundle)
        log = PredictionLog(folder / "log", "m")
        num_rows = 0
        for number in range(options.kills):
            seconds = moments.uniform(*_SECONDS)
            with_writer = number % 2 == 1
            answered = _killed(folder, bodies, seconds, with_writer=with_writer)
            before, num_rows = num_rows, log.num_rows()
            lost = answered - (num_rows - before)
            is_well &= lost <= _ROTATE_ROWS + _BUFFER_ROWS
            sys.stdout.write(
                f"kill {number + 1}{' with writer' if with_writer else ''} "
                f"after {seconds:.2f} s: {answered:,} answered, "
                f"{num_rows - before:,} logged, {lost:,} lost "
                f"({lost / max(answered, 1) * seconds:.2f} s)\n"
            )
        is_well &= _is_whole(log)
    return 0 if is_well else 1


def _killed(
    folder: Path, bodies: Sequence[bytes], seconds: float, *, with_writer: bool
) -> int:
    """Returns how many requests were answered until the kill."""
    flags = (
        "--model_name=m",
        f"--model_base_path={folder / 'm'}",
        f"--prediction_log_dir={folder / 'log'}",
        f"--prediction_log_rotate_s={_ROTATE_S}",
        f"--prediction_log_rotate_rows={_ROTATE_ROWS}",
    )
    loads: list[Load] = []
    with ServerProcess(flags, log=folder / "server.log") as server:
        server.wait_until_available("m")
        url = f"{server.rest_address}/v1/models/m:predict"

        def load() -> None:
            found = load_generators.wrk(
                url, bodies, _CONNECTIONS, math.ceil(seconds) + 1, os.getpid()
            )
            loads.append(found)

        thread = threading.Thread(target=load)
        thread.start()
        time.sleep(seconds)
        writers = descendants(server.pid)
        for pid in (server.pid, *(writers if with_writer else ())):
            os.kill(pid, signal.SIGKILL)
        thread.join()
    while any(map(psutil.pid_exists, writers)):  # one left alone writes what it has
        time.sleep(0.1)
    return loads[0].requests


def _is_whole(log: PredictionLog) -> bool:
    """Reads every file and tells whether no row is there twice."""
    table = log.read(columns=["request_id", "row", "inputs", "outputs"])
    pairs = set(
        zip(table["request_id"].to_pylist(), table["row"].to_pylist(), strict=True)
    )
    files = sum(1 for _ in log_layout.log_files(log.folder))
    sys.stdout.write(
        f"{table.num_rows:,} rows in {files} files, all read; "
        f"{table.num_rows - len(pairs)} there twice\n"
    )
    return len(pairs) == table.num_rows


if __name__ == "__main__":
    sys.exit(main())
