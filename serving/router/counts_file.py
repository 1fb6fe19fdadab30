"""Counts of a rollout's arms, kept over restarts of the router.

    {state}/counts/{router id}.json    one file a router process
    {"format_version": 1, "router": "r1", "model": "flights",
     "written_at": "2026-11-21T12:00:00.000000+00:00",
     "rollouts": {"{rollout id}": {"{arm}": {…ArmCounts…}}}}

A file is written whole under another name, synced and renamed, each second in which
something was counted and once more at the end. So SIGTERM loses nothing and kill -9 at
most the counts of the last second. Counts are kept of the latest few rollouts, the
newest last.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from serving.router.arm_counts import ArmCounts
from serving.router.errors import RouterError

FORMAT_VERSION = 1
FOLDER = "counts"
_KEPT_ROLLOUTS = 8
_ROUTER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Counts = dict[str, ArmCounts]
"""Arm name to its counts."""


class CountsFile:
    """The counts of one router process.

    Attributes:
        router_id: Names its file.
    """

    def __init__(self, state_dir: Path, router_id: str, model: str) -> None:
        """Reads what an earlier process of this id has counted.

        Raises:
            RouterError: The id is no file name, or the file is no counts file.
        """
        if not _ROUTER_ID.fullmatch(router_id):
            raise RouterError(
                f"router id is {router_id!r}; expected up to 64 letters, digits, '.', "
                "'_' and '-'."
            )
        self.router_id = router_id
        self._model = model
        self._path = state_dir / FOLDER / f"{router_id}.json"
        self._rollouts = _read(self._path) if self._path.exists() else {}
        self._written = ""

    def of(self, rollout_id: str) -> Counts:
        """Returns a rollout's counts; whoever counts changes them in place."""
        counts = self._rollouts.pop(rollout_id, {})
        self._rollouts[rollout_id] = counts
        while len(self._rollouts) > _KEPT_ROLLOUTS:
            del self._rollouts[next(iter(self._rollouts))]
        return counts

    def encoded(self) -> str | None:
        """Returns what is to be written; None: nothing has changed since."""
        text = json.dumps(
            {
                rollout: {arm: counts.as_json() for arm, counts in arms.items()}
                for rollout, arms in self._rollouts.items()
            }
        )
        if text == self._written:
            return None
        self._written = text
        head = {
            "format_version": FORMAT_VERSION,
            "router": self.router_id,
            "model": self._model,
            "written_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        }
        return f'{json.dumps(head)[:-1]}, "rollouts": {text}}}\n'

    def write(self, text: str) -> None:
        """Replaces the file.

        Args:
            text: What `encoded` gave; may be written in another thread.

        Raises:
            OSError: The disk does not take it; the file stays as it was.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    def forget_write(self) -> None:
        """Makes the next `encoded` give everything again: a write has failed."""
        self._written = ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from counting under the same id.

        Raises:
            RouterError: One does, or the folder cannot be made.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("w")
        except OSError as error:
            raise RouterError(
                f"counts cannot be kept in {self._path.parent}: {error.strerror}."
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RouterError(
                    f"another router with id {self.router_id!r} counts in "
                    f"{self._path.parent}. Give this one another --router-id."
                ) from error
            yield


def read_counts(state_dir: Path, rollout_id: str) -> Counts:
    """Returns the counts of a rollout, added up over all routers.

    Args:
        state_dir: The rollout's; need hold no counts yet.
        rollout_id: Its id.

    Returns:
        Arm name to counts; empty where no router has counted for it.

    Raises:
        RouterError: A file is no counts file.
    """
    total: Counts = {}
    for path in sorted((state_dir / FOLDER).glob("*.json")):
        for arm, counts in _read(path).get(rollout_id, {}).items():
            total.setdefault(arm, ArmCounts()).add_all(counts)
    return total


def _read(path: Path) -> dict[str, Counts]:
    try:
        document = json.loads(path.read_bytes())
        version = document["format_version"]
        if version != FORMAT_VERSION:
            raise ValueError(
                f"format_version is {version!r}; this slipway reads {FORMAT_VERSION}"
            )
        return {
            rollout: _read_arms(arms) for rollout, arms in document["rollouts"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RouterError(
            f"{path} cannot be used as counts: {error}. Move it away to count anew."
        ) from error


def _read_arms(arms: dict[str, Any]) -> Counts:
    return {arm: ArmCounts.from_json(counts) for arm, counts in arms.items()}
