"""Changes what is served by renaming folders: push, promote, rollback.

Every change is written into the ledger first and then made by renames, the deciding
one last: at any moment the largest visible version is the old one or the new one, so
TF Serving never loads a version in between. A change that was cut short leaves the old
version served and the ledger ahead of the folder; asking for it again completes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.verify import require_ok
from serving.chained_lines import sync_folder
from serving.versions.change_lock import changing
from serving.versions.errors import VersionsError
from serving.versions.ledger import (
    Action,
    Author,
    Ledger,
    LedgerEntry,
    ServedChange,
    append_entry,
    read_ledger,
)
from serving.versions.model_folder import (
    HELD,
    held_versions,
    list_versions,
    next_version,
    served_version,
    version_path,
    versions_in_words,
)
from serving.versions.served_history import served_before

Verifier = Callable[[Path], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """What a promotion or a rollback did.

    Attributes:
        from_version: What was served before; None: nothing.
        to_version: What is served now.
        held: Versions that were moved to held/, the last of them the one served.
        entry: The ledger's line; None where the version was served already.
    """

    from_version: int | None
    to_version: int
    held: tuple[int, ...] = ()
    entry: LedgerEntry | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One rename.

    Attributes:
        version: Whose folder it is.
        is_hold: To held/; otherwise from there.
    """

    version: int
    is_hold: bool


def plan_moves(visible: list[int], target: int) -> list[Move]:
    """Returns the renames after which `target` is the largest visible version.

    Args:
        visible: Visible versions; `target` is held where it is not one of them.
        target: The version to serve.

    Returns:
        In an order in which the largest visible version changes once: the target
        appears while a larger one is still there (or is the largest itself), and of
        those above it the largest, which is served, goes last.
    """
    shown = [] if target in visible else [Move(target, is_hold=False)]
    above = [version for version in sorted(visible) if version > target]
    return shown + [Move(version, is_hold=True) for version in above]


def promote(
    model_dir: Path, version: int, *, author: Author, verify: Verifier = require_ok
) -> Switch:
    """Makes a version that is visible or held the one that is served.

    Args:
        model_dir: `{model_base_path}/{model_name}`.
        version: The version to serve.
        author: Who asks, and why.
        verify: Raises if a bundle must not be served.

    Raises:
        BundleRefusedError: The bundle fails a check; nothing was changed.
        VersionsError: There is no such version, or a folder cannot be moved.
    """
    with changing(model_dir):
        return _switch(model_dir, "promote", version, author, verify)


def rollback(
    model_dir: Path,
    version: int | None = None,
    *,
    author: Author,
    verify: Verifier = require_ok,
) -> Switch:
    """Serves an earlier version again and holds back what came after it.

    Args:
        model_dir: `{model_base_path}/{model_name}`.
        version: The version to serve; None: the one served before the present one,
            versions that were rolled back from since left out.
        author: Who asks; the reason must not be empty.
        verify: Raises if a bundle must not be served.

    Raises:
        BundleRefusedError: The bundle fails a check; nothing was changed.
        VersionsError: There is no reason, no such version or none before, or a
            folder cannot be moved.
    """
    if not author.reason.strip():
        raise VersionsError(
            "a rollback needs a reason: whoever reads the ledger later asks why. "
            "Give one with --reason."
        )
    with changing(model_dir):
        target = _previous(model_dir) if version is None else version
        return _switch(model_dir, "rollback", target, author, verify)


def record_push(
    model_dir: Path,
    staged: Path,
    version: int,
    *,
    author: Author,
    is_held: bool = False,
) -> LedgerEntry:
    """Records a push and makes the new version visible: it is served from here on.

    Args:
        model_dir: `{model_base_path}/{model_name}`.
        staged: The whole bundle, sealed as `version`, verified and synced, on the
            same file system.
        version: What next_version gave before the bundle was sealed.
        author: Who pushes, and why.
        is_held: Keep it back in held/ instead: what is served stays so, until somebody
            promotes it.

    Raises:
        BundleRefusedError: The bundle has no readable contract or is another version.
        VersionsError: Somebody pushed meanwhile; `staged` is where it was.
    """
    with changing(model_dir):
        free = next_version(model_dir)
        if version < free:
            raise VersionsError(
                f"version {version} was given to another push meanwhile; the next one "
                f"is {free}. Nothing was pushed: run again."
            )
        change = ServedChange(
            action="hold" if is_held else "push",
            from_version=served_version(model_dir),
            to_version=version,
            bundle_digest=_digest_of(staged, version),
        )
        entry = append_entry(model_dir, change, author)
        _rename(staged, (model_dir / HELD if is_held else model_dir) / str(version))
        return entry


def _switch(
    model_dir: Path, action: Action, target: int, author: Author, verify: Verifier
) -> Switch:
    path = version_path(model_dir, target)
    visible = list_versions(model_dir)
    served = max(visible, default=None)
    ledger = read_ledger(model_dir)
    last = ledger.last_change
    if target == served and (last is None or last.to_version == target):
        return Switch(from_version=served, to_version=target)
    moves = plan_moves(visible, target)
    for move in moves:
        # A version that is there twice would stop the change half-way.
        version_path(model_dir, move.version)
    verify(path)
    change = ServedChange(
        action=action,
        from_version=served,
        to_version=target,
        bundle_digest=_digest_of(path, target, ledger),
    )
    entry = append_entry(model_dir, change, author)
    for move in moves:
        _make(model_dir, move)
    held = tuple(move.version for move in moves if move.is_hold)
    return Switch(from_version=served, to_version=target, held=held, entry=entry)


def _previous(model_dir: Path) -> int:
    served = served_version(model_dir)
    there = {*list_versions(model_dir), *held_versions(model_dir)}
    for version in served_before(read_ledger(model_dir).entries, served):
        if version in there:
            return version
    others = sorted(there - {served})
    raise VersionsError(
        f"the ledger of {model_dir} knows no version that was served before "
        f"{served or 'now'} and is still good. Name one with --to; there are "
        f"{versions_in_words(others)}."
    )


def _digest_of(bundle: Path, version: int, ledger: Ledger | None = None) -> str:
    """Returns a bundle's identity, which must be that of the version's push."""
    sealed = read_contract(bundle)
    found = sealed.contract.model.version
    if found != version:
        raise BundleRefusedError(
            "identity",
            f"{bundle} is version {found} by its contract, not {version}. Move it to "
            "where it belongs.",
        )
    pushed = ledger.pushed_digest(version) if ledger else None
    if pushed and pushed != sealed.digest:
        raise BundleRefusedError(
            "identity",
            f"{bundle} is bundle {sealed.digest[:12]}…, but version {version} was "
            f"pushed as {pushed[:12]}…: somebody replaced it.",
        )
    return sealed.digest


def _make(model_dir: Path, move: Move) -> None:
    visible = model_dir / str(move.version)
    held = model_dir / HELD / str(move.version)
    _rename(*((visible, held) if move.is_hold else (held, visible)))


def _rename(source: Path, target: Path) -> None:
    """Renames a folder and syncs it, so that a crash cannot reorder the steps."""
    try:
        target.parent.mkdir(exist_ok=True)
        source.rename(target)
        for folder in {source.parent, target.parent}:
            sync_folder(folder)
    except OSError as error:
        raise VersionsError(
            f"{source} could not be moved to {target}: {error.strerror}. The ledger "
            "names the change already: mend it, then ask for the same change again."
        ) from error
