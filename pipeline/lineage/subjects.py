"""Which bundles a person asks about: a version, a folder, or who made some predictions.

A prediction names its model by the bundle's digest, which is looked for among the
visible and the held versions.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.settings_loader import ConfigError
from serving.bundle.contract import SealedContract, read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.layout import CONTRACT
from serving.versions.ledger import read_ledger
from serving.versions.model_folder import (
    all_versions,
    held_versions,
    served_version,
    version_path,
)

_DIGEST_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One bundle somebody asks about.

    Attributes:
        path: Its folder.
        place: "served", "visible", "held", or "elsewhere".
        sealed: Its contract.
        num_predictions: How many of the file it made; None if no file was named.
    """

    path: Path
    place: str
    sealed: SealedContract
    num_predictions: int | None = None


def find_subjects(target: str, model_dir: Path) -> list[Subject]:
    """Returns the bundles a target stands for.

    Args:
        target: A version's number, a bundle's folder, or a file (or a folder of
            files) of predictions, Parquet or CSV.
        model_dir: Where versions and the makers of predictions are looked for.

    Raises:
        ConfigError: There is no such file, or a prediction's bundle is not there.
        VersionsError: There is no such version.
        BundleRefusedError: The contract cannot be read.
    """
    if target.isascii() and target.isdecimal():
        return [_subject(model_dir, version_path(model_dir, int(target)))]
    path = Path(target)
    if not path.exists():
        raise ConfigError(
            f"{target!r} is neither a version's number nor a file or folder; expected "
            "a version such as 3, a bundle's folder, or a file of predictions."
        )
    if (path / CONTRACT).exists():
        return [_subject(model_dir, path)]
    from pipeline.lineage.prediction_digests import count_digests

    counted = count_digests(path)
    if not counted:
        raise ConfigError(f"{path} holds no prediction.")
    return [_maker(path, model_dir, digest, count) for digest, count in counted.items()]


def read_bundles(model_dir: Path) -> list[tuple[Path, SealedContract]]:
    """Returns folder and contract of every version that has a contract."""
    bundles = []
    for version in all_versions(model_dir):
        path = version_path(model_dir, version)
        try:
            bundles.append((path, read_contract(path)))
        except BundleRefusedError:
            continue
    return bundles


def _subject(model_dir: Path, path: Path, count: int | None = None) -> Subject:
    return Subject(
        path=path,
        place=_place(model_dir, path),
        sealed=read_contract(path),
        num_predictions=count,
    )


def _place(model_dir: Path, path: Path) -> str:
    for version in all_versions(model_dir):
        if version_path(model_dir, version).resolve() == path.resolve():
            if version in held_versions(model_dir):
                return "held"
            return "served" if version == served_version(model_dir) else "visible"
    return "elsewhere"


def _maker(predictions: Path, model_dir: Path, digest: str, count: int) -> Subject:
    if not digest:
        raise ConfigError(
            f"{predictions} holds {count:,} predictions without a bundle_digest: "
            "nobody can say which model made them."
        )
    bundles = read_bundles(model_dir)
    for path, sealed in bundles:
        if sealed.digest == digest:
            return _subject(model_dir, path, count)
    known = ", ".join(
        f"{sealed.contract.model.version}: {sealed.digest[:_DIGEST_DIGITS]}…"
        for _, sealed in bundles
    )
    raise ConfigError(
        f"{count:,} predictions of {predictions} were made by bundle "
        f"{digest[:_DIGEST_DIGITS]}…, which is not in {model_dir}"
        f"{_by_ledger(model_dir, digest)}; there are {known or 'no bundles'}. Name the "
        "folder it lies in with --model-base-path and --model."
    )


def _by_ledger(model_dir: Path, digest: str) -> str:
    """Says which version a bundle was that is gone, if the ledger knows."""
    for entry in read_ledger(model_dir).entries:
        if entry.bundle_digest == digest:
            return (
                f" any more (it was version {entry.to_version}, {entry.action} by "
                f"{entry.who} at {entry.at})"
            )
    return ""
