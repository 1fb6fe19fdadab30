"""Proves the newest rows of a prediction log against the bundles of a model folder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from serving.bundle.contract import SealedContract
from serving.prediction_log.log_reader import PredictionLog
from serving.skew_proof.logged_rows import COLUMNS
from serving.skew_proof.proof import OnRows, prove_skew
from serving.skew_proof.proof_report import SkewProof
from serving.skew_proof.reference import (
    Reference,
    RunArtifacts,
    find_bundles,
    open_reference,
)

FindArtifacts = Callable[[SealedContract], RunArtifacts]


class NothingLoggedError(RuntimeError):
    """There is no row to prove; the text says where it was looked for.

    Attributes:
        exit_code: What the command line exits with: wrong usage.
    """

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofRequest:
    """Which rows to prove.

    Attributes:
        max_rows: At most so many, the newest; >= 1.
        since, until: Rows answered from since on and before until; None: no bound.
        version: Rows of this version only; None: of all.
        served: The folder that the server loads, where it is another copy than the
            model folder's: its files are compared as well.
    """

    max_rows: int = 100_000
    since: datetime | None = None
    until: datetime | None = None
    version: int | None = None
    served: Path | None = None


def no_artifacts(_: SealedContract) -> RunArtifacts:
    """Finds none: the model folder alone is asked."""
    return RunArtifacts()


def prove_log(
    log: PredictionLog,
    model_dir: Path,
    request: ProofRequest,
    find_artifacts: FindArtifacts = no_artifacts,
    on_rows: OnRows | None = None,
) -> SkewProof:
    """Replays the newest rows of a log.

    Args:
        log: Of the model.
        model_dir: `{model_base_path}/{model_name}`.
        request: Which rows.
        find_artifacts: From a bundle's contract to what its run left.
        on_rows: Told how many rows have been read so far.

    Raises:
        NothingLoggedError: No row is asked for.
        ModelRefusedError: A reference cannot be loaded, or fails on a row.
        BundleRefusedError: A bundle's folder holds links or devices.
    """
    bundles = find_bundles(model_dir)

    def open_one(digest: str) -> Reference:
        bundle, sealed = bundles.by_digest[digest]
        return open_reference(
            bundle, sealed, find_artifacts(sealed), served=request.served
        )

    tables = newest_rows(log, request, COLUMNS)
    return prove_skew(log.model, tables, bundles, open_one, on_rows)


def newest_rows(
    log: PredictionLog, request: ProofRequest, columns: Sequence[str]
) -> Iterator[Any]:
    """Yields tables of the last rows in the log's own order, that of its files.

    Args:
        log: Of the model.
        request: Which rows.
        columns: To read.

    Raises:
        NothingLoggedError: There is no such row.
    """
    total = sum(table.num_rows for table in _tables(log, request, ("version",)))
    if not total:
        of_version = "" if request.version is None else f" of version {request.version}"
        raise NothingLoggedError(
            f"the prediction log {log.log_dir / log.model} holds no rows{of_version}. "
            "Serve with slipway serve … --log, or name another log with --log."
        )
    skipped = max(0, total - request.max_rows)
    for table in _tables(log, request, columns):
        kept = table.slice(min(skipped, table.num_rows))
        skipped -= table.num_rows - kept.num_rows
        if kept.num_rows:
            yield kept


def _tables(
    log: PredictionLog, request: ProofRequest, columns: Sequence[str]
) -> Iterator[Any]:
    return log.batches(
        request.since,
        request.until,
        columns=columns,
        clock="time",
        versions=None if request.version is None else [request.version],
    )
