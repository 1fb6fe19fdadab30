"""Scores files of rows with a bundle: the whole of `slipway score`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.batch_scoring import input_schema, output_folder, summary
from serving.batch_scoring.errors import ScoringUsageError
from serving.batch_scoring.input_files import FileFormat, find_input_files
from serving.batch_scoring.plan import (
    PlannedInput,
    ScoreOptions,
    encode_plan,
    list_parts,
    plan_input,
)
from serving.batch_scoring.progress import OnProgress, Progress, ignore_progress
from serving.batch_scoring.row_checks import RowChecker
from serving.batch_scoring.row_rules import feature_rules
from serving.batch_scoring.score_part import SCORE_COLUMNS, ScoreJob
from serving.bundle.contract import SealedContract, read_contract
from serving.bundle.schema_file import read_schema
from serving.bundle.verify import require_ok
from serving.input_statistics import DEFAULT_MAX_UNKNOWN_RATE


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRequest:
    """What is asked for.

    Attributes:
        bundle: The bundle's folder.
        inputs: Files, folders and globs.
        output: The folder to write; see output_folder.
        output_format: "parquet" or "csv".
        key: Column that names a row; None: as the contract has it.
        keep: More columns to copy.
        on_bad_rows: "fail" or "quarantine".
        max_unknown_rate: See input_statistics.check_unknown_rates.
        allow_other_tensorflow: See verify.require_ok.
        overwrite: See output_folder.open_plan.
        beam_args: Options for Beam; without --runner, its runner in this process.
    """

    bundle: Path
    inputs: tuple[str, ...]
    output: Path
    output_format: str = "parquet"
    key: str | None = None
    keep: tuple[str, ...] = ()
    on_bad_rows: str = "fail"
    max_unknown_rate: float = DEFAULT_MAX_UNKNOWN_RATE
    allow_other_tensorflow: bool = False
    overwrite: bool = False
    beam_args: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreOutcome:
    """What came of it.

    Attributes:
        summary: The document in summary.json.
        was_complete: Whether all was there already and nothing was done.
    """

    summary: dict[str, Any]
    was_complete: bool


def score_files(
    request: ScoreRequest, on_progress: OnProgress = ignore_progress
) -> ScoreOutcome:
    """Scores all rows of all inputs.

    Args:
        request: What to do.
        on_progress: Called as stages begin and parts are done, from another thread too.

    Raises:
        BundleRefusedError: The bundle must not be used (exit code 5).
        InputRefusedError: Inputs do not fit the bundle (3). Columns and unknown values
            are checked before the first row is scored.
        ScoringUsageError: Paths, columns or the output folder are wrong (2).
    """
    _check_request(request)
    on_progress(Progress(stage="verifying the bundle"))
    require_ok(request.bundle, allow_other_tensorflow=request.allow_other_tensorflow)
    sealed = read_contract(request.bundle)
    options = _options(request, sealed)
    found = find_input_files(request.inputs)
    files = [file.path for file in found.files]
    output_folder.check_apart(request.output, [*found.folders, *files])
    on_progress(Progress(stage="reading the inputs' layout"))
    inputs = [plan_input(file) for file in found.files]
    checker = _check_inputs(request.bundle, sealed, inputs, options)
    plan = encode_plan(summary.bundle_identity(sealed), options, inputs)
    on_progress(Progress(stage="starting Beam"))
    from serving.batch_scoring.scoring_run import ScoringRun

    run = ScoringRun(
        job=_job(request, sealed, checker),
        parts=tuple(list_parts(inputs)),
        sealed=sealed,
        options=options,
        max_unknown_rate=request.max_unknown_rate,
        beam_args=request.beam_args,
        ignored=found.ignored,
    )
    with output_folder.locked(request.output):
        output_folder.open_plan(request.output, plan, overwrite=request.overwrite)
        if run.is_complete():
            done = output_folder.read_summary(request.output)
            return ScoreOutcome(summary=done, was_complete=True)
        return ScoreOutcome(summary=run.finish(on_progress), was_complete=False)


def _check_request(request: ScoreRequest) -> None:
    for name, value, known in (
        ("--format", request.output_format, ("parquet", "csv")),
        ("--on-bad-rows", request.on_bad_rows, ("fail", "quarantine")),
    ):
        if value not in known:
            raise ScoringUsageError(f"{name} {value}: expected {' or '.join(known)}.")
    if not 0 <= request.max_unknown_rate <= 1:
        raise ScoringUsageError(
            f"--max-unknown-rate {request.max_unknown_rate}: expected a share from 0 "
            "to 1, such as 0.2."
        )
    if not request.bundle.is_dir():
        raise ScoringUsageError(
            f"MODEL {request.bundle}: there is no such folder; expected a bundle, such "
            "as var/models/flights/1."
        )


def _job(
    request: ScoreRequest, sealed: SealedContract, checker: RowChecker
) -> ScoreJob:
    return ScoreJob(
        bundle=str(request.bundle.resolve()),
        output=str(request.output.resolve()),
        output_format=request.output_format,
        is_strict=request.on_bad_rows == "fail",
        checker=checker,
        classes=sealed.contract.label.classes,
        version=sealed.contract.model.version,
        digest=sealed.digest,
    )


def _options(request: ScoreRequest, sealed: SealedContract) -> ScoreOptions:
    key = request.key or sealed.contract.key
    keep = tuple(dict.fromkeys(name for name in request.keep if name != key))
    for name in (key, *keep):
        if name in SCORE_COLUMNS:
            raise ScoringUsageError(
                f"column {name!r} cannot be copied: the output has a {name!r} of its "
                "own. Rename it in the input, or name another with --key or --keep."
            )
    return ScoreOptions(
        output_format=request.output_format,
        key=key,
        keep=keep,
        on_bad_rows=request.on_bad_rows,
    )


def _check_inputs(
    bundle: Path,
    sealed: SealedContract,
    inputs: Sequence[PlannedInput],
    options: ScoreOptions,
) -> RowChecker:
    rules = feature_rules(sealed.contract, read_schema(bundle))
    copied = [options.key, *options.keep]
    columns = [
        (source.file, input_schema.read_columns(source.file)) for source in inputs
    ]
    for file, types in columns:
        input_schema.check_columns(file, types, rules, copied)
    for source in inputs:
        if source.file.format is FileFormat.CSV:
            input_schema.check_csv_numbers(source.file, source.slices[0], rules)
    input_schema.check_has_rows(inputs)
    return RowChecker(
        rules=rules, key=options.key, copied=input_schema.copied_types(columns, copied)
    )
