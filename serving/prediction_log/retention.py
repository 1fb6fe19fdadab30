"""Removes log files of dates long ago, and what a killed writer left half-written.

Only files with a name that log_layout gives are removed, below folders of dates it
names, and the counters of writers that ended before; folders go when they are empty.
Links are not followed, labels stay.
"""

import contextlib
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from serving.prediction_log import log_layout

_PART_AGE_S = 3600.0


def remove_old_files(
    log_dir: Path, retention_days: int, now: datetime | None = None
) -> int:
    """Removes files of all models.

    Args:
        log_dir: Folder of the models' folders; it may be missing.
        retention_days: Files of dates (UTC) more than so many days ago go; 0: none do.
        now: The present; None: it is.

    Returns:
        How many files of rows were removed.
    """
    today = (now or datetime.now(UTC)).date()
    removed = 0
    for model_folder in _folders(log_dir):
        for day, date_folder in log_layout.date_dirs(model_folder):
            is_old = retention_days and today - day > timedelta(days=retention_days)
            for _, folder in log_layout.hour_dirs(date_folder):
                _remove_parts(folder)
                if is_old:
                    removed += _remove_files(folder)
            if is_old:
                _remove_if_empty(date_folder)
        if retention_days:
            _remove_counters(model_folder, today - timedelta(days=retention_days))
    return removed


def _folders(log_dir: Path) -> list[Path]:
    try:
        return [
            path
            for path in log_dir.iterdir()
            if path.is_dir() and not path.is_symlink()
        ]
    except OSError:
        return []


def _remove_files(folder: Path) -> int:
    removed = 0
    for path in log_layout.own_files(folder):
        if path.is_symlink() or not path.is_file():
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            removed += 1
    _remove_if_empty(folder)
    return removed


def _remove_counters(model_folder: Path, oldest: date) -> None:
    """Removes the counters of writers that have written nothing since a date."""
    for path in log_layout.counter_files(model_folder):
        with contextlib.suppress(OSError):
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
            if written < oldest:
                path.unlink()


def _remove_parts(folder: Path) -> None:
    for path in log_layout.part_files(folder):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _PART_AGE_S:
                path.unlink()


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
