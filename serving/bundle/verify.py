"""Answers whether a bundle may be used: OK, or REFUSED for one reason.

    python -m serving.bundle.verify BUNDLE [--json]

Checks run cheapest first and stop at the first that fails. Without TensorFlow those
that read files still run, and the answer says what could not be checked.
"""

import argparse
import dataclasses
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.bundle import file_guards, model_guards
from serving.bundle.errors import BundleRefusedError
from serving.bundle.view import BundleView
from serving.lean_tensorflow import preload_tensorflow

Guard = Callable[[BundleView], None]

FILE_GUARDS: tuple[Guard, ...] = (
    file_guards.identity,
    file_guards.files,
    file_guards.no_code,
    file_guards.library_versions,
    file_guards.schema,
    file_guards.feature_order,
)
"""They need no TensorFlow."""

MODEL_GUARDS: tuple[Guard, ...] = (
    model_guards.graph,
    model_guards.signatures,
    model_guards.determinism,
    model_guards.golden_batch,
)
"""They load and run the model."""

GUARDS: tuple[Guard, ...] = (*FILE_GUARDS, *MODEL_GUARDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """The answer.

    Attributes:
        is_ok: Whether the bundle may be used.
        guard: Name of the check that refused it; "" if none did.
        reason: Why, in one sentence; "" likewise.
        bundle: The folder, as given.
        model_name: None where the contract could not be read.
        version: Likewise.
        bundle_digest: Likewise.
        checked: Names of the checks that passed, in order.
        not_checked: Names of those that could not run here.
        warnings: What was let pass but should be known.
        wall_s: Seconds it took, TensorFlow's import included.
    """

    is_ok: bool
    guard: str
    reason: str
    bundle: str
    model_name: str | None
    version: int | None
    bundle_digest: str | None
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    warnings: tuple[str, ...]
    wall_s: float


def verify_bundle(
    bundle: Path,
    *,
    allow_other_tensorflow: bool = False,
    guards: Sequence[Guard] = GUARDS,
) -> Verification:
    """Checks a bundle; never raises for what is wrong with it.

    Args:
        bundle: A version's folder.
        allow_other_tensorflow: Lets another TensorFlow major.minor pass with a
            warning; the golden batch then decides.
        guards: Which checks to run.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if not bundle.is_dir():
        raise FileNotFoundError(f"there is no folder {bundle}.")
    started = time.monotonic()
    view = BundleView(path=bundle, allow_other_tensorflow=allow_other_tensorflow)
    has_tensorflow = importlib.util.find_spec("tensorflow") is not None
    runnable = [
        guard for guard in guards if has_tensorflow or guard not in MODEL_GUARDS
    ]
    checked: list[str] = []
    refusal: BundleRefusedError | None = None
    try:
        for guard in runnable:
            if guard in MODEL_GUARDS:
                preload_tensorflow()
            _run(guard, view)
            checked.append(guard.__name__)
    except BundleRefusedError as error:
        refusal = error
    finally:
        view.close()
    return _conclude(
        view,
        refusal,
        checked,
        [guard.__name__ for guard in guards if guard not in runnable],
        time.monotonic() - started,
    )


def _run(guard: Guard, view: BundleView) -> None:
    """Runs one check; one that cannot be finished has not passed."""
    try:
        guard(view)
    except BundleRefusedError:
        raise
    except OSError as error:
        raise BundleRefusedError(
            "files", f"{str(error.filename)!r} cannot be read: {error.strerror}."
        ) from error
    except Exception as error:  # whatever a damaged file makes a library do
        raise BundleRefusedError(
            guard.__name__,
            f"the check could not be finished: {type(error).__name__}: {error}.",
        ) from error


def _conclude(
    view: BundleView,
    refusal: BundleRefusedError | None,
    checked: Sequence[str],
    not_checked: Sequence[str],
    wall_s: float,
) -> Verification:
    try:
        sealed = view.sealed
    except (BundleRefusedError, OSError):
        sealed = None
    return Verification(
        is_ok=refusal is None,
        guard=refusal.guard if refusal else "",
        reason=refusal.reason if refusal else "",
        bundle=str(view.path),
        model_name=sealed.contract.model.name if sealed else None,
        version=sealed.contract.model.version if sealed else None,
        bundle_digest=sealed.digest if sealed else None,
        checked=tuple(checked),
        not_checked=tuple(not_checked),
        warnings=tuple(view.warnings),
        wall_s=round(wall_s, 3),
    )


def require_ok(bundle: Path, *, allow_other_tensorflow: bool = False) -> Verification:
    """Checks a bundle and raises if it is refused.

    Raises:
        BundleRefusedError: With the guard and the reason.
        FileNotFoundError: There is no such folder.
    """
    found = verify_bundle(bundle, allow_other_tensorflow=allow_other_tensorflow)
    if not found.is_ok:
        raise BundleRefusedError(found.guard, found.reason)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the answer; returns 0 for OK, 5 for REFUSED."""
    parser = argparse.ArgumentParser(prog="serving.bundle.verify", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a version's folder")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument(
        "--allow-other-tensorflow",
        action="store_true",
        help="let another TensorFlow major.minor pass",
    )
    options = parser.parse_args(arguments)
    try:
        found = verify_bundle(
            options.bundle, allow_other_tensorflow=options.allow_other_tensorflow
        )
    except OSError as error:
        parser.error(str(error))
    text = json.dumps(dataclasses.asdict(found), indent=1) if options.json else None
    sys.stdout.write((text or in_words(found)) + "\n")
    return 0 if found.is_ok else BundleRefusedError.exit_code


def in_words(found: Verification) -> str:
    """Returns the answer as lines for a person."""
    name = f"{found.model_name} version {found.version}" if found.model_name else "?"
    lines = [f"warning: {warning}" for warning in found.warnings]
    if found.is_ok:
        lines.append(
            f"OK {name}, bundle {(found.bundle_digest or '')[:12]}: "
            f"{len(found.checked)} checks in {found.wall_s:.1f} s"
        )
    else:
        lines.append(f"REFUSED by {found.guard}: {found.reason}")
    if found.not_checked:
        lines.append(
            "not checked, for TensorFlow is not installed: "
            f"{', '.join(found.not_checked)}. Install 'slipway[server]' to check them."
        )
    # A path may hold what no terminal can show.
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode("utf-8")


if __name__ == "__main__":
    sys.exit(main())
