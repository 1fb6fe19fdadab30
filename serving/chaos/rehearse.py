"""Injects every failure mode into a copy of a bundle and says what caught it."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serving.bundle.verify import require_ok
from serving.chaos.failure_mode import FailureMode, Injection, NotApplicableError
from serving.chaos.failure_modes import FAILURE_MODES

State = Literal["caught", "not caught", "not applicable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One injection and what came of it.

    Attributes:
        number, name: Of the failure mode.
        how: What was done to the copy; or why nothing could be done.
        expected_guard: The guard that should refuse it.
        state: "not applicable" where the bundle has no place for the failure.
        guard: The guard that refused it; "" if none did.
        reason: Why, in its words; "" likewise.
    """

    number: int
    name: str
    how: str
    expected_guard: str
    state: State
    guard: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """All attempts on one bundle.

    Attributes:
        bundle: The folder, as given.
        attempts: In the order of the failure modes.
    """

    bundle: str
    attempts: tuple[Attempt, ...]

    @property
    def num_applicable(self) -> int:
        """Failure modes that could be injected in at least one way."""
        return len({entry.number for entry in self._applicable()})

    @property
    def num_caught(self) -> int:
        """Failure modes of which every injection was refused."""
        missed = {
            entry.number for entry in self._applicable() if entry.state == "not caught"
        }
        return self.num_applicable - len(missed)

    @property
    def is_all_caught(self) -> bool:
        """Whether no injected failure passed for a sound bundle."""
        return self.num_caught == self.num_applicable

    def _applicable(self) -> list[Attempt]:
        return [entry for entry in self.attempts if entry.state != "not applicable"]


def rehearse(
    bundle: Path,
    modes: Sequence[FailureMode] = FAILURE_MODES,
    on_mode: Callable[[FailureMode], None] | None = None,
) -> Rehearsal:
    """Goes through the failure modes; the bundle itself is only read.

    Args:
        bundle: A version's folder.
        modes: Which failures to inject.
        on_mode: Told of each failure mode before it is injected.

    Raises:
        BundleRefusedError: The bundle is refused as it is: what is caught later would
            prove nothing.
        FileNotFoundError: There is no such folder.
    """
    require_ok(bundle)
    attempts = []
    for mode in modes:
        if on_mode:
            on_mode(mode)
        attempts += [_attempt(bundle, mode, injection) for injection in mode.injections]
    return Rehearsal(bundle=str(bundle), attempts=tuple(attempts))


def _attempt(bundle: Path, mode: FailureMode, injection: Injection) -> Attempt:
    guard = injection.guard
    with tempfile.TemporaryDirectory(prefix="slipway-chaos-") as folder:
        copy = Path(folder) / bundle.resolve().name
        shutil.copytree(bundle, copy)
        try:
            how = injection.inject(copy)
        except NotApplicableError as error:
            return Attempt(
                number=mode.number,
                name=mode.name,
                how=str(error),
                expected_guard=guard,
                state="not applicable",
            )
        refusal = injection.examine(copy)
    return Attempt(
        number=mode.number,
        name=mode.name,
        how=how,
        expected_guard=guard,
        state="caught" if refusal else "not caught",
        guard=refusal.guard if refusal else "",
        reason=refusal.reason.replace(str(copy), str(bundle)) if refusal else "",
    )
