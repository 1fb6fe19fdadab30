"""Finds the model that logged rows are held against: one with the files pushed.

The log names the bundle that answered by its digest, and the digest stands for the
SHA-256 of every file. So no folder is trusted by its place: first come its files, and
where those of the model folder are not what was pushed, the model in the run's
artifacts is taken if its files are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.bundle import layout
from serving.bundle.contract import SealedContract, read_contract
from serving.bundle.errors import BundleRefusedError
from serving.skew_proof.file_differences import (
    changed_files,
    differing_files,
    with_lines,
)
from serving.skew_proof.proof_report import FileDifference
from serving.versions.model_folder import all_versions, version_path


@dataclass(frozen=True, kw_only=True, slots=True)
class RunArtifacts:
    """What the run that pushed a bundle left; each None where it is gone.

    Attributes:
        model: The SavedModel that the bundle was made of.
        transform_graph: Transform's own graph, a TransformGraph artifact.
        pushed_digest: Digest that the run noted when it pushed the bundle; "" if that
            is not known.
    """

    model: Path | None = None
    transform_graph: Path | None = None
    pushed_digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A model to replay rows through.

    Attributes:
        bundle: The version's folder.
        sealed: Its contract.
        model_dir: The model to replay: the bundle, or a copy whose files are right.
        files: Files of the bundle, and of the served copy, that are not as pushed.
        transform_graph: Transform's own graph; None where it is not at hand.
    """

    bundle: Path
    sealed: SealedContract
    model_dir: Path
    files: tuple[FileDifference, ...] = ()
    transform_graph: Path | None = None

    @property
    def name(self) -> str:
        """What the rows are held against, for a sentence."""
        if self.model_dir == self.bundle:
            return "the bundle"
        return "the model in the run's artifacts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundles:
    """The bundles of a model folder.

    Attributes:
        by_digest: Digest to folder and contract.
        refused: Version to why its contract cannot be read.
    """

    by_digest: dict[str, tuple[Path, SealedContract]]
    refused: dict[int, str]

    def why_unknown(self, digest: str, version: int) -> str:
        """Says why rows of a digest cannot be replayed, in a sentence."""
        if not digest:
            return (
                f"rows of version {version} name no bundle: the model folder that was "
                "served had no contract.json. Push it with slipway run."
            )
        if version in self.refused:
            return (
                f"bundle {digest[:12]}… (version {version}) cannot be replayed: "
                f"{self.refused[version]}"
            )
        there = [
            f"{sealed.contract.model.version} ({known[:12]}…)"
            for known, (_, sealed) in self.by_digest.items()
        ]
        return (
            f"no version here is the bundle {digest[:12]}… (version {version}) that "
            f"answered; there are {', '.join(there) or 'none'}. Bring its folder back, "
            "or look at others with --version."
        )


def find_bundles(model_dir: Path) -> Bundles:
    """Reads the contract of every version, visible or held."""
    by_digest, refused = {}, {}
    for version in all_versions(model_dir):
        path = version_path(model_dir, version)
        try:
            sealed = read_contract(path)
        except BundleRefusedError as error:
            refused[version] = str(error)
        else:
            by_digest[sealed.digest] = (path, sealed)
    return Bundles(by_digest=by_digest, refused=refused)


def open_reference(
    bundle: Path,
    sealed: SealedContract,
    artifacts: RunArtifacts,
    served: Path | None = None,
) -> Reference:
    """Checks files and chooses the model to replay.

    Args:
        bundle: The version's folder.
        sealed: Its contract.
        artifacts: Of its run.
        served: The folder that the server loads, where that is another copy.

    Raises:
        BundleRefusedError: A folder holds links or devices.
    """
    files = changed_files(bundle, sealed.contract)
    if artifacts.pushed_digest not in ("", sealed.digest):
        files += sealed_anew(bundle, sealed, artifacts)
        right = artifacts.model
    else:
        right = _right_copy(bundle, files, sealed, artifacts)
    if served is not None and served.resolve() != bundle.resolve():
        files += changed_files(served, sealed.contract)
    if right is not None:
        files = tuple(with_lines(difference, right) for difference in files)
    return Reference(
        bundle=bundle,
        sealed=sealed,
        model_dir=right or bundle,
        files=files,
        transform_graph=artifacts.transform_graph,
    )


def _right_copy(
    bundle: Path,
    files: Sequence[FileDifference],
    sealed: SealedContract,
    artifacts: RunArtifacts,
) -> Path | None:
    """Returns a folder whose model is as pushed; None if there is none."""
    if not files:
        return bundle
    copy = artifacts.model
    if copy is None or changed_files(copy, sealed.contract):
        return None
    return copy


def sealed_anew(
    bundle: Path, sealed: SealedContract, artifacts: RunArtifacts
) -> tuple[FileDifference, ...]:
    """Returns how a bundle differs whose contract is not the one that was pushed.

    Whoever changes a file and writes the contract anew leaves no wrong hash; the run
    noted the digest it pushed, and its artifacts have the model as it was.

    Args:
        bundle: The version's folder.
        sealed: Its contract.
        artifacts: Of its run, with another digest.
    """
    contract = FileDifference(
        folder=str(bundle),
        path=layout.CONTRACT,
        what="changed",
        expected_sha256=artifacts.pushed_digest,
        found_sha256=sealed.digest,
    )
    if artifacts.model is None:
        return (contract,)
    return (contract, *differing_files(bundle, artifacts.model))
