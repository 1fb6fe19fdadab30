"""Checks one model in a server of its own, from the command line.

    python -m serving.server_check MODEL_DIR EXTRAS_DIR [--server_binary PATH]

EXTRAS_DIR holds `assets.extra/` with golden_batch.json, schema.pbtxt and
tf_serving_warmup_requests, as the bundle will. The last line of standard output is a
JSON report (serving/server_check/report.py); the exit code is 0 if every check passed
and 5 if the model is refused.
"""

import argparse
import dataclasses
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from serving.bundle.errors import BundleRefusedError
from serving.server_check.candidate_folder import Candidate
from serving.server_check.check_model import CheckLimits, check_model
from serving.server_check.server_binary import find_server_binary

_LIMITS = CheckLimits()


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks one model; prints the report and returns the exit code."""
    options = _parser().parse_args(arguments)
    # SIGTERM unwinds, so that server and temporary files go too.
    signal.signal(signal.SIGTERM, _end)
    report = check_model(
        Candidate(model_dir=options.model_dir, extras=options.extras_dir),
        find_server_binary(options.server_binary),
        dataclasses.replace(
            _LIMITS, start_s=options.start_timeout_s, call_s=options.call_timeout_s
        ),
    )
    sys.stdout.write(json.dumps(dataclasses.asdict(report)) + "\n")
    return 0 if report.is_servable else BundleRefusedError.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="serving.server_check", description=__doc__)
    parser.add_argument("model_dir", type=Path, help="a SavedModel directory")
    parser.add_argument(
        "extras_dir", type=Path, help="a folder that holds assets.extra/"
    )
    parser.add_argument(
        "--server_binary",
        metavar="PATH",
        help="a tensorflow_model_server; left out: the one on PATH, else our own",
    )
    parser.add_argument(
        "--start_timeout_s",
        type=float,
        metavar="SECONDS",
        default=_LIMITS.start_s,
        help="from the server's start until it serves the model",
    )
    parser.add_argument(
        "--call_timeout_s",
        type=float,
        metavar="SECONDS",
        default=_LIMITS.call_s,
        help="of one call",
    )
    return parser


def _end(number: int, _frame: FrameType | None) -> None:
    # A second one must not cut short what the first has begun.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
