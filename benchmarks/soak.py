"""Millions of requests against one server, with hot swaps: does it stay as it was?

    python -m benchmarks.soak [MODEL] [--requests 2000000] [--slice-seconds 10]

MODEL is a model's folder of versions, each a bundle; its newest is served from copies
with other version numbers. Each slice is a load over REST by wrk, 200 connections of
one row a request, and one over gRPC by h2load (see load_generators); in every second
slice the version is swapped while wrk runs. After a slice the golden rows are asked
over both protocols and compared, and a line is printed: requests so far and a second,
failures, latency, and what the server process holds once it is quiet.

Exit code 0: memory is flat and no request failed; 1: it is not so, or it could not be
tried; 130: Ctrl-C, which says how far it came. With 2,000,000 requests it takes some
minutes, and needs wrk and h2load.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import load_generators, soak_report
from benchmarks.soak_report import Slice
from benchmarks.soaked_server import SoakedServer, SoakFailedError

DEFAULT_MODEL = Path("var/flights/models/flights")
# The first slices fill caches and pools, and hold the first swap.
WARMUP_SLICES = 4
MIN_SLICES = WARMUP_SLICES + 2


def main() -> int:
    """Runs it; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("--slice-seconds", type=int, default=10)
    options = parser.parse_args()
    load_generators.check_installed()
    bundle = newest_bundle(options.model)
    slices: list[Slice] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            soak(bundle, Path(folder), options.requests, options.slice_seconds, slices)
    except KeyboardInterrupt:
        total = slices[-1].total_requests if slices else 0
        failed = sum(one.failed for one in slices)
        print(
            f"\nStopped by Ctrl-C after {len(slices)} slices: {total:,} of "
            f"{options.requests:,} requests, {failed} failed. There is no verdict."
        )
        return 130
    except SoakFailedError as error:
        print(f"\nStopped: {error}")
        return 1
    print(soak_report.swap_latency(slices))
    is_well, text = soak_report.verdict(slices, WARMUP_SLICES)
    print(text)
    return 0 if is_well else 1


def newest_bundle(model: Path) -> Path:
    """Returns the folder of a model's newest version.

    Raises:
        SystemExit: There is none; says how to get one.
    """
    numbers = [
        int(child.name)
        for child in (model.iterdir() if model.is_dir() else ())
        if child.name.isdecimal() and child.is_dir()
    ]
    if not numbers:
        raise SystemExit(
            f"{model} holds no version of a model. Run `make demo`, which pushes one "
            f"to {DEFAULT_MODEL}, or name another model's folder."
        )
    return (model / str(max(numbers))).resolve()


def soak(
    bundle: Path, folder: Path, requests: int, seconds: int, slices: list[Slice]
) -> None:
    """Adds slices until so many requests are answered; prints each.

    Raises:
        SoakFailedError: The server ended, swaps no more, or answers wrongly.
    """
    with SoakedServer(bundle, folder) as server:
        print(soak_report.heading())
        total = 0
        while total < requests or len(slices) < MIN_SLICES:
            found = server.run_slice(
                seconds, total_requests=total, swaps=len(slices) % 2 == 1
            )
            slices.append(found)
            total = found.total_requests
            print(soak_report.line(len(slices), found), flush=True)


if __name__ == "__main__":
    sys.exit(main())
