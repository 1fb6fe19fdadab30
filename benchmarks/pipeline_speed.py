"""A run of the flights pipeline beside stock TFX and a plain script, on the same rows.

    python -m benchmarks.pipeline_speed              all of it
    python -m benchmarks.pipeline_speed --quick      each run once, no further scales
    python -m benchmarks.pipeline_speed --report     only write the page again

Wall and CPU time and peak memory of the whole process tree, cold, with nothing changed,
after `touch`, after a one-line edit of the model and after a new span; then cold at
several times the rows. An interrupted bench goes on where it was; a run that was cut
off is done again with those its folder depends on, and so is one whose sources have
changed. Exit code 1 if a run failed: the page is written without it.
"""

import argparse
import datetime
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import speed_inputs
from benchmarks.bench_report import write_page
from benchmarks.process_tree import TreeUsage
from benchmarks.speed_plan import Extent, RunSequence, build_plan, estimate_s
from benchmarks.speed_result import (
    EDIT,
    ELEVEN,
    NEW_SPAN,
    ROOT,
    STOCK,
    TOUCH,
    Case,
    Result,
    ResultFile,
    source_digest,
)
from benchmarks.speed_rivals import RivalError, Told, run_rival
from data.flights.source import prepare
from data.spans import PART_NAME

_TOUCHED, _TOUCHED_CSV = f"span-3/{PART_NAME}", "train/span-3.csv"
_RUNNING = "running"

Run = Callable[[str, Path, int], tuple[TreeUsage, Told]]


def main() -> int:
    """Measures what is missing, then writes the page."""
    # SIGTERM ends a bench as Ctrl-C does: with the rival that is running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _bench()
    except KeyboardInterrupt:
        say("interrupted; the same command goes on from here.")
        return 130


def _bench() -> int:
    options = _parse()
    extent = Extent(
        repeats=options.repeats,
        stock_repeats=options.stock_repeats,
        scales=options.scale,
        stock_scale=options.stock_scale,
    )
    bench = Bench(options.work.resolve(), build_plan(extent))
    if options.fresh:
        bench.forget()
    failed: list[str] = []
    if options.report:
        results = bench.results.read()
    else:
        if bench.missing():
            warm_up()
        failed = bench.run(max(options.scale))
        results = bench.results.read_current()
    if not results:
        say("nothing was measured, and no page is written.")
        return 1
    page = write_page(options.docs, list(results.values()))
    say(f"the page is {page}")
    for line in failed:
        say(f"FAILED: {line}")
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="cold runs of each")
    parser.add_argument(
        "--stock-repeats", type=int, default=1, help="stock TFX's other scenarios"
    )
    parser.add_argument(
        "--scale", type=_scales, default=(1, 3, 10), help="such as 1,3,10"
    )
    parser.add_argument(
        "--stock-scale", action="store_true", help="stock TFX at every scale"
    )
    parser.add_argument(
        "--quick", action="store_true", help="--repeats 1 --scale 1, all scenarios"
    )
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--work", type=Path, default=ROOT / "var/benchmarks/pipeline")
    parser.add_argument(
        "--docs", type=Path, default=ROOT / "docs/benchmarks/pipeline.md"
    )
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.scale = 1, (1,)
    return options


def _scales(text: str) -> tuple[int, ...]:
    scales = tuple(sorted({int(part) for part in text.split(",")}))
    if scales[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r} has a scale below 1")
    return scales


def warm_up() -> None:
    """Reads the libraries from disk once, so that the first rival does not pay for it.

    Raises:
        CalledProcessError: One of them cannot be imported.
    """
    say("reading the libraries from disk …")
    imports = "import pandas, sklearn, tensorflow_model_analysis; from tfx import v1"
    subprocess.run(  # noqa: S603 - a fixed command
        [sys.executable, "-c", imports], check=True, capture_output=True
    )


def say(text: str) -> None:
    """Prints one line with the time of day."""
    print(f"{datetime.datetime.now().astimezone():%H:%M:%S} {text}", flush=True)


class Bench:
    """The runs of a plan in a work folder."""

    def __init__(
        self,
        work: Path,
        plan: list[RunSequence],
        run: Run = run_rival,
        write_year: Callable[[Path], object] = prepare,
    ) -> None:
        """Starts nothing.

        Args:
            work: Gets year/ and years/ (the rows), results.jsonl and a folder a
                sequence, which goes when the sequence is complete.
            plan: The sequences, in order.
            run: Runs a rival on a project's YAML file and its newest span.
            write_year: Writes span-1 to span-12 under a folder.
        """
        self._work = work
        self._plan = plan
        self._run_rival = run
        self._write_year = write_year
        self.results = ResultFile(work / "results.jsonl")

    def forget(self) -> None:
        """Drops the results and folders of the plan's sequences."""
        for sequence in self._plan:
            shutil.rmtree(self._folder(sequence), ignore_errors=True)
        self.results.forget(case for one in self._plan for case in one.cases)

    def run(self, max_scale: int) -> list[str]:
        """Measures what is missing; returns one line for each sequence that failed."""
        missing = self.missing()
        say(f"{len(missing)} runs to go, about {self._left_min():.0f} minutes.")
        if missing:
            self._write_year(self._work / "year")
            speed_inputs.write_years(
                self._work / "year", self._work / "years", max_scale
            )
        failed = []
        for sequence in self._plan:
            try:
                self._run_sequence(sequence)
            except RivalError as error:
                failed.append(str(error))
                say(f"FAILED: {error}")
        return failed

    def missing(self) -> list[Case]:
        """Returns the plan's runs that have no result for the sources of now."""
        done = self.results.read_current()
        cases = [case for sequence in self._plan for case in sequence.cases]
        return [case for case in cases if case not in done]

    def _left_min(self) -> float:
        results = self.results.read()
        return sum(estimate_s(case, results) for case in self.missing()) / 60

    def _folder(self, sequence: RunSequence) -> Path:
        return self._work / sequence.folder_name

    def _run_sequence(self, sequence: RunSequence) -> None:
        done = self.results.read_current()
        if all(case in done for case in sequence.cases):
            return
        folder = self._folder(sequence)
        is_whole = folder.is_dir() and not (folder / _RUNNING).exists()
        if sequence.first not in done or not is_whole:
            shutil.rmtree(folder, ignore_errors=True)
            self.results.forget(sequence.cases)
            done = {}
        for case in sequence.cases:
            if case not in done:
                self._measure(case, folder)
        shutil.rmtree(folder)

    def _measure(self, case: Case, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _RUNNING).touch()
        config, last = self._set_up(case, folder)
        source = source_digest(case.rival)
        usage, (nodes, state, auc) = self._run_rival(case.rival, config, last)
        self.results.add(
            Result(
                case=case,
                source=source,
                at=datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
                usage=usage,
                nodes=nodes,
                state=state,
                auc=auc,
            )
        )
        (folder / _RUNNING).unlink()
        say(
            f"{case}: {usage.wall_s:.1f} s, CPU {usage.cpu_s:.1f} s, "
            f"{usage.peak_bytes / 1e9:.2f} GB, {state}; "
            f"about {self._left_min():.0f} minutes left"
        )

    def _set_up(self, case: Case, folder: Path) -> tuple[Path, int]:
        """Brings the folder into the state in which a run is to find it."""
        config = folder / "project" / f"{speed_inputs.PACKAGE}.yaml"
        spans, csv = folder / "spans", folder / "csv"
        last = speed_inputs.SPANS_A_YEAR * case.scale - (case.scenario == ELEVEN)
        eval_spans = speed_inputs.EVAL_SPANS_A_YEAR * case.scale
        for span in range(1, last + 1):
            if not (spans / f"span-{span}").is_dir():
                speed_inputs.copy_span(self._work / "years" / f"span-{span}", spans)
        if not config.exists() or case.scenario == NEW_SPAN:
            speed_inputs.write_project(folder, spans, last, eval_spans)
            if case.rival == STOCK:
                speed_inputs.write_csv(spans, last, eval_spans, csv)
        if case.scenario == TOUCH:
            os.utime(csv / _TOUCHED_CSV if case.rival == STOCK else spans / _TOUCHED)
        if case.scenario == EDIT:
            speed_inputs.edit_model(config)
        return config, last


if __name__ == "__main__":
    sys.exit(main())
