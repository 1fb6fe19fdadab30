"""What there is of a model and how it came to be served: `slipway versions`.

Reads contracts and the ledger, no model: it needs no TensorFlow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serving.bundle.contract import Metric, SealedContract, read_contract
from serving.bundle.errors import BundleRefusedError
from serving.versions.change_lock import is_changing
from serving.versions.errors import VersionsError
from serving.versions.ledger import LEDGER, Ledger, LedgerEntry, read_ledger
from serving.versions.model_folder import (
    all_versions,
    held_versions,
    served_version,
    version_path,
)

Place = Literal["served", "visible", "held"]

_MAIN_METRIC = "auc"


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionFacts:
    """One version.

    Attributes:
        version: Its number.
        place: Whether it is served, could be, or is kept back.
        path: Its folder.
        sealed: Its contract; None where that cannot be read.
        problem: Why it cannot be read; "" if it can.
        last_entry: The newest line of the ledger from or to this version.
    """

    version: int
    place: Place
    path: Path
    sealed: SealedContract | None
    problem: str
    last_entry: LedgerEntry | None

    @property
    def main_metric(self) -> Metric | None:
        """AUC, or the first metric of the contract."""
        metrics = self.sealed.contract.evaluation.metrics if self.sealed else ()
        by_name = {metric.name: metric for metric in metrics}
        return by_name.get(_MAIN_METRIC, metrics[0] if metrics else None)

    @property
    def num_rows(self) -> int | None:
        """Rows it was trained and judged on; None where that is not known."""
        if self.sealed is None:
            return None
        data = self.sealed.contract.data
        return data.num_train_rows + data.num_eval_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionReport:
    """Every version of a model.

    Attributes:
        model_dir: `{model_base_path}/{model_name}`.
        served: The version TF Serving serves; None: none.
        versions: In order of their numbers.
        ledger: What was done.
        notes: What does not fit together, a sentence each.
    """

    model_dir: Path
    served: int | None
    versions: tuple[VersionFacts, ...]
    ledger: Ledger
    notes: tuple[str, ...]


def report_versions(model_dir: Path) -> VersionReport:
    """Collects what is known of a model's versions.

    Raises:
        VersionsError: There is no version, or the ledger is of a newer slipway.
    """
    served, ledger = served_version(model_dir), read_ledger(model_dir)
    held = set(held_versions(model_dir))
    versions = []
    for version in all_versions(model_dir):
        place: Place = "held" if version in held else "visible"
        versions.append(
            _facts(model_dir, version, "served" if version == served else place, ledger)
        )
    if not versions and ledger.last is None:
        raise VersionsError(
            f"{model_dir} holds no version yet. A run that passes its checks pushes "
            "one: slipway run."
        )
    return VersionReport(
        model_dir=model_dir,
        served=served,
        versions=tuple(versions),
        ledger=ledger,
        notes=tuple(_notes(model_dir, served, ledger, versions)),
    )


def _facts(model_dir: Path, version: int, place: Place, ledger: Ledger) -> VersionFacts:
    path = version_path(model_dir, version)
    sealed, problem = None, ""
    try:
        sealed = read_contract(path)
    except BundleRefusedError as error:
        problem = error.reason
    entries = [entry for entry in ledger.entries if version in _moved(entry)]
    return VersionFacts(
        version=version,
        place=place,
        path=path,
        sealed=sealed,
        problem=problem,
        last_entry=entries[-1] if entries else None,
    )


def _moved(entry: LedgerEntry) -> tuple[int | None, ...]:
    """Returns the versions that an entry is about."""
    if entry.action == "hold":
        return (entry.to_version,)
    return (entry.from_version, entry.to_version)


def _notes(
    model_dir: Path,
    served: int | None,
    ledger: Ledger,
    versions: list[VersionFacts],
) -> Iterator[str]:
    yield from ledger.problems
    if ledger.torn:
        yield (
            f"the last line of {LEDGER} was cut off while it was written; nothing had "
            "moved for it, and the next change sets it aside."
        )
    last = ledger.last_change
    if last and last.to_version != served:
        if is_changing(model_dir):
            yield f"a {last.action} of version {last.to_version} is going on."
        else:
            yield _cut_short(last, served, [facts.version for facts in versions])
    for facts in versions:
        if facts.problem:
            yield f"version {facts.version} cannot say what it is: {facts.problem}"
        pushed = ledger.pushed_digest(facts.version)
        if facts.sealed and pushed and pushed != facts.sealed.digest:
            yield (
                f"version {facts.version} is bundle {facts.sealed.digest[:12]}…, but "
                f"was pushed as {pushed[:12]}…: somebody replaced it."
            )


def _cut_short(last: LedgerEntry, served: int | None, there: list[int]) -> str:
    target = last.to_version
    finish = (
        f"Finish it with slipway promote {target}"
        if target in there
        else f"Version {target} is not there any more"
    )
    keep = f", or keep {served} with slipway promote {served}." if served else "."
    return (
        f"line {last.seq} of {LEDGER} has version {target} served, the folder serves "
        f"{served or 'none'}: the {last.action} was cut short, or somebody moved "
        f"folders. {finish}{keep}"
    )
