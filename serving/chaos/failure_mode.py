"""What a failure mode is: a name, what happens, and the ways it is injected."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.bundle.contract import read_contract
from serving.bundle.seal import seal
from serving.bundle.verify import verify_bundle


class NotApplicableError(RuntimeError):
    """A failure cannot be injected into this bundle; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What a guard said.

    Attributes:
        guard: Its name.
        reason: Why it refused, in one sentence.
    """

    guard: str
    reason: str


def examine_bundle(bundle: Path) -> Refusal | None:
    """Verifies a bundle; None if it is OK."""
    found = verify_bundle(bundle)
    return None if found.is_ok else Refusal(guard=found.guard, reason=found.reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Injection:
    """One way a failure comes about.

    Attributes:
        inject: Changes a copy of a bundle, seals it again and returns what it did, in
            words. Raises NotApplicableError where the bundle has no place for it.
        guard: The guard that is expected to refuse the copy.
        examine: What is asked for the refusal.
    """

    inject: Callable[[Path], str]
    guard: str
    examine: Callable[[Path], Refusal | None] = examine_bundle


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureMode:
    """One way a model goes wrong.

    Attributes:
        number: Its place in failure_modes.FAILURE_MODES, from 1.
        name: In a few words.
        description: What happens and what it would cost, in one sentence.
        injections: The ways it comes about; each must be caught.
    """

    number: int
    name: str
    description: str
    injections: tuple[Injection, ...]


def reseal(bundle: Path, changes: Mapping[str, Any] | None = None) -> None:
    """Seals a changed copy: hashes and digest are right again.

    Args:
        bundle: The copy; its contract.json is still there.
        changes: Fields of the contract to replace.
    """
    contract = read_contract(bundle).contract
    seal(bundle, dataclasses.replace(contract, **(changes or {})))
