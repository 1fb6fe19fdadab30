"""`slipway score`: a bundle, files of rows, a folder of scores."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from pipeline.bundle_commands import AllowOtherTensorflow, BundleArgument

if TYPE_CHECKING:
    from serving.batch_scoring.progress import Progress

# What a shell reports for a program ended by a signal: this and its number.
_SIGNAL_EXIT_CODE = 128
_SHOWN_DIGITS = 12


def score(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    bundle: BundleArgument,
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            metavar="PATH",
            help="A file, folder or glob of CSV, Parquet or TFRecord files; may be "
            "given several times.",
        ),
    ],
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder to write; may be new.")
    ],
    output_format: Annotated[
        str, typer.Option("--format", help="Of the output: parquet or csv.")
    ] = "parquet",
    key: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column that names a row; the model's own if left out.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="One more column to copy; may be given several times.",
        ),
    ] = None,
    on_bad_rows: Annotated[
        str,
        typer.Option(
            help="What a row that cannot be scored does: fail, or quarantine to put "
            "it aside."
        ),
    ] = "fail",
    max_unknown_rate: Annotated[
        float,
        typer.Option(
            help="Share of a feature's values that no training row had, from which "
            "on nothing is scored."
        ),
    ] = 0.2,
    allow_other_tensorflow: AllowOtherTensorflow = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Beam's engine: local, workers, flink, spark or dataflow, as the "
            "pipeline's configuration has it; local if left out.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the engine, such as beam.flink.master=HOST:PORT; may be "
            "given several times.",
        ),
    ] = None,
    beam_args: Annotated[
        list[str] | None,
        typer.Option(
            "--beam-arg",
            metavar="ARG",
            help="One more option for Beam, such as --beam-arg=--job_name=scores; may "
            "be given several times.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check the engine, print Beam's options, score nothing."
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove another scoring in DIR first.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Scores files of rows with a pushed model; a killed run goes on where it stopped.

    Example: slipway score flights --input new/ --output scores
    """
    from pipeline.beam_engine.for_scoring import scoring_args
    from pipeline.model_folder import find_bundle
    from pipeline.run_command import parse_settings

    args = (
        *scoring_args(
            bundle,
            engine,
            parse_settings(settings or []),
            output,
            is_dry_run=dry_run,
        ),
        *(beam_args or ()),
    )
    if dry_run:
        sys.stdout.write("".join(f"{argument}\n" for argument in args))
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _: _leave_interrupted(output, got))
    request_fields: dict[str, Any] = {
        "bundle": find_bundle(bundle),
        "inputs": tuple(inputs),
        "output": output,
        "output_format": output_format,
        "key": key,
        "keep": tuple(keep or ()),
        "on_bad_rows": on_bad_rows,
        "max_unknown_rate": max_unknown_rate,
        "allow_other_tensorflow": allow_other_tensorflow,
        "overwrite": overwrite,
        "beam_args": args,
    }
    try:
        summary, was_complete = _score(request_fields)
    except Exception as error:
        from pipeline.beam_engine.worker_errors import job_failure

        kept = f"{output} keeps every part that is complete; the same command goes on."
        failure = job_failure(error, kept)
        if failure is None:
            raise
        raise failure from error
    if as_json:
        text = json.dumps(summary, indent=1, ensure_ascii=False)
    else:
        text = in_words(summary, output, was_complete=was_complete)
    sys.stdout.write(f"{text}\n")


def _score(request_fields: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    from contextlib import nullcontext

    from serving.batch_scoring.lean_imports import without_unused_modules
    from serving.lean_tensorflow import preload_tensorflow

    # An engine of the user's choice may need what Beam's own does not.
    arguments = request_fields["beam_args"]
    has_runner = any(argument.startswith("--runner") for argument in arguments)
    lean = nullcontext() if has_runner else without_unused_modules()
    with lean, _Screen() as screen:
        screen.show_stage("starting TensorFlow")
        preload_tensorflow()
        from serving.batch_scoring.score_files import ScoreRequest, score_files

        outcome = score_files(ScoreRequest(**request_fields), screen.show)
    return outcome.summary, outcome.was_complete


def _leave_interrupted(output: Path, signal_number: int) -> None:
    """Ends the process at once, which an output folder bears at any moment.

    An exception would reach Beam first, which makes pages of text of it.
    """
    from rich.console import Console

    Console(stderr=True).show_cursor()
    sys.stderr.write(
        f"slipway: interrupted. {output} keeps every part that is complete; the same "
        "command goes on from there.\n"
    )
    sys.stderr.flush()
    os._exit(_SIGNAL_EXIT_CODE + signal_number)


class _Screen:
    """Shows on standard error how far it is; says nothing where it is no terminal."""

    def __init__(self) -> None:
        from rich import progress
        from rich.console import Console

        console = Console(stderr=True)
        self._bar = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[counts]}"),
            progress.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, counts="")

    def __enter__(self) -> Self:
        """Starts the line."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the line."""
        self._bar.stop()

    def show_stage(self, stage: str) -> None:
        """Shows what begins."""
        self._bar.update(self._task, description=stage)

    def show(self, progress: "Progress") -> None:
        """Shows the stage and, while rows are scored, parts and rows."""
        if not progress.num_parts:
            self.show_stage(progress.stage)
            return
        self._bar.update(
            self._task,
            description=progress.stage,
            total=progress.num_parts,
            completed=progress.num_done,
            counts=f"{progress.num_rows:,} rows",
        )


def in_words(summary: dict[str, Any], output: Path, *, was_complete: bool) -> str:
    """Returns a summary as lines for a person."""
    bundle = summary["bundle"]
    headline = (
        f"{summary['num_scored']:,} of {summary['num_rows']:,} rows scored by "
        f"{bundle['name']} version {bundle['version']}, bundle "
        f"{bundle['digest'][:_SHOWN_DIGITS]}"
    )
    lines = [headline]
    if was_complete:
        lines.insert(0, f"{output} is complete already; nothing was done.")
    labels = ", ".join(
        f"{label} {count:,}" for label, count in summary["labels"].items()
    )
    lines.append(f"labels       {labels}")
    if summary["num_quarantined"]:
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {count:,}"
            for reason, count in summary["quarantined"].items()
        )
        lines.append(
            f"put aside    {summary['num_quarantined']:,} rows in "
            f"{output / 'quarantine'}: {reasons}"
        )
    lines += _unknown_lines(summary)
    if not was_complete:
        lines.append(
            f"time         {summary['wall_s']:.1f} s, "
            f"{summary['scored_per_s']:,.0f} rows a second"
        )
    lines.append(f"scores       {output}, {len(summary['parts'])} files")
    return "\n".join(lines)


def _unknown_lines(summary: dict[str, Any]) -> list[str]:
    found = [feature for feature in summary["features"] if feature["num_unknown"]]
    return [
        f"unknown      {feature['name']}: {feature['num_unknown']:,} values, "
        f"{feature['unknown_fraction']:.2%}, such as "
        f"{', '.join(feature['unknown_examples'])}"
        for feature in found
    ]
