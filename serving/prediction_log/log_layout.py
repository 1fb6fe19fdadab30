"""Where a prediction log's files lie.

    {log_dir}/{model}/
      date=2025-06-01/hour=13/                                 UTC, of writing
        20250601T130501.250000Z-9f86d081884c-000017.parquet    first row, writer, number
        .20250601T130601.250000Z-9f86d081884c-000018.parquet.part   is being written
      labels/
        20250602T040000.000000Z-60303ae22b99-000001.parquet    one `slipway labels add`
        .lock                                                  one of them at a time
      writers/
        9f86d081884c.json                                      what that writer counted

A file gets its own name once it is whole and on the disk (fsync), so every file that is
seen can be read. A writer's id is random and made anew by every process. A model's name
is percent-encoded where it is no plain file name.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

FORMAT_VERSION = 1
LABELS = "labels"
WRITERS = "writers"
PART_SUFFIX = ".part"

_OWN = r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{12}-\d{6,}\.parquet"
_FILE = re.compile(_OWN)
_PART = re.compile(rf"\.{_OWN}\.part")
_COUNTERS = re.compile(r"[0-9a-f]{12}\.json")
_DATE = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
_HOUR = re.compile(r"hour=([01]\d|2[0-3])")


def model_dir(log_dir: Path, model: str) -> Path:
    """Returns a model's folder."""
    name = quote(model, safe="-_ +=@~")
    # Dots alone would lead out of the folder.
    return log_dir / (name.replace(".", "%2E") if not name.strip(".") else name)


def hour_dir(model_folder: Path, moment: datetime) -> Path:
    """Returns the folder of the files whose first row came in an hour."""
    utc = moment.astimezone(UTC)
    return model_folder / f"date={utc:%Y-%m-%d}" / f"hour={utc:%H}"


def file_name(moment: datetime, writer_id: str, number: int) -> str:
    """Returns a file's name.

    Args:
        moment: Of its first row.
        writer_id: 12 lower-case hexadecimal digits.
        number: Of the writer's files, from 1.
    """
    stamp = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return f"{stamp}-{writer_id}-{number:06d}.parquet"


def date_dirs(model_folder: Path) -> list[tuple[date, Path]]:
    """Returns the folders of dates, the oldest first; empty: there is no log."""
    found = []
    for path in _entries(model_folder):
        match = _DATE.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            try:
                found.append((date.fromisoformat(match.group(1)), path))
            except ValueError:
                continue  # no date of ours has thirty-one days in June
    return sorted(found)


def hour_dirs(date_folder: Path) -> list[tuple[int, Path]]:
    """Returns the folders of hours below a date's, the first first."""
    found = []
    for path in _entries(date_folder):
        match = _HOUR.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            found.append((int(match.group(1)), path))
    return sorted(found)


def own_files(folder: Path) -> list[Path]:
    """Returns whole files of one folder, in order of their first rows."""
    return sorted(path for path in _entries(folder) if _FILE.fullmatch(path.name))


def part_files(folder: Path) -> list[Path]:
    """Returns files of one folder that are being written, or never were whole."""
    return sorted(path for path in _entries(folder) if _PART.fullmatch(path.name))


def counter_files(model_folder: Path) -> list[Path]:
    """Returns the counters of every writer."""
    folder = model_folder / WRITERS
    return sorted(path for path in _entries(folder) if _COUNTERS.fullmatch(path.name))


def log_files(model_folder: Path) -> Iterator[tuple[datetime, Path]]:
    """Yields every whole file with the beginning of its hour, in order."""
    for day, date_folder in date_dirs(model_folder):
        for hour, folder in hour_dirs(date_folder):
            began = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
            for path in own_files(folder):
                yield began, path


def _entries(folder: Path) -> list[Path]:
    """Returns what is in a folder; nothing where it is gone."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
