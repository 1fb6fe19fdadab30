"""The year 2013 replayed: `make demo-loop`.

    python -m benchmarks.year_replayed                      April to December, all rows
    python -m benchmarks.year_replayed --months 4-6 --rows-per-month 4000

Months 1 to 3 train the first model. Every later month is served in order of time by a
real server behind the real router, with the prediction log on; labels come a day late;
the monitor looks every day; a new span asks for a retraining, whose model goes through
a canary. A bad model and three faults of the feed are planted. It ends with a page and
the same as JSON. See docs/year.md.

A second start begins anew; only the twelve prepared spans are kept. Ctrl-C ends all
that was started. Exit code 1 if a planted fault was not caught or the renewed models
were not better, 130 when interrupted.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.year_replayed.replay import Replay
from benchmarks.year_replayed.year_page import write_year_page
from benchmarks.year_replayed.year_settings import YearSettings
from benchmarks.year_replayed.year_summary import (
    YearSummary,
    summarize,
    summary_document,
)
from benchmarks.year_replayed.year_terminal import YearTerminal, print_summary

_WORK = Path("var/year")
_FIRST, _LAST = 4, 12
_INTERRUPTED_EXIT_CODE = 130


def main(arguments: Sequence[str]) -> int:
    """Replays, prints, writes page and JSON; returns the exit code."""
    settings = read_settings(arguments)
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings.work.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=settings.work / "replay.log",
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    # Several processes on few cores: TensorFlow's own messages help nobody here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with contextlib.closing(YearTerminal(console)) as terminal:
            replay = Replay(settings, terminal.on_event, terminal)
            never = replay.run(terminal.on_day)
            summary = summarize(settings, replay.record, never, replay.windows)
    except KeyboardInterrupt:
        console.print("interrupted: everything that was started has ended")
        return _INTERRUPTED_EXIT_CODE
    page, document = write_results(settings.work, summary)
    print_summary(console, summary)
    console.print(f"page  {page}\njson  {document}", soft_wrap=True)
    return 0 if summary.is_good else 1


def write_results(folder: Path, summary: YearSummary) -> tuple[Path, Path]:
    """Writes page and JSON; returns their paths."""
    page, document = folder / "year.html", folder / "year.json"
    write_year_page(summary, page)
    text = json.dumps(summary_document(summary), indent=1, allow_nan=False)
    document.write_text(text + "\n", encoding="utf-8")
    return page, document


def read_settings(arguments: Sequence[str]) -> YearSettings:
    """Reads the command line.

    Raises:
        SystemExit: 2: an argument cannot be used; 0: --help.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.year_replayed")
    add = parser.add_argument
    add("--work", type=Path, default=_WORK, help="folder of all that is written")
    add("--months", type=_months, default=_months("4-12"), help="such as 4-12")
    add("--rows-per-month", type=_positive, help="rows served; all if left out")
    add(
        "--rows-per-request",
        type=_positive,
        default=32,
        help="while no rollout goes on; during one each row is a request",
    )
    add("--window-spans", type=_positive, default=3, help="months a retraining reads")
    found = parser.parse_args(arguments)
    return YearSettings(
        work=found.work.absolute(),
        months=found.months,
        rows_per_month=found.rows_per_month,
        rows_per_request=found.rows_per_request,
        window_spans=found.window_spans,
    )


def _months(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    try:
        months = tuple(range(int(first), int(last or first) + 1))
    except ValueError:
        months = ()
    if not months or months[0] != _FIRST or months[-1] > _LAST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no range of months from {_FIRST} on, such as 4-12"
        )
    return months


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
