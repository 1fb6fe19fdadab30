"""Where spans lie: a pattern of folders, by number or by date, with versions.

    span-{SPAN}                       span-1/, span-2/ … (default)
    day={YYYY}-{MM}-{DD}              day=2013-01-31/
    {YYYY}/{MM}/{DD}/v{VERSION}       2013/01/31/v2/

A date is the span whose number is the days since 1970-01-01. Where the pattern names
no version, a span's folder may hold `version-1/`, `version-2/` … instead of files. Of
a span with versions the newest is read, unless another is named.

Source:
    TFX's file patterns: tfx/components/example_gen/utils.py, "Span and version".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from data.errors import DataContractError, list_in_words

DEFAULT_PATTERN = "span-{SPAN}"
_EPOCH = date(1970, 1, 1)
_VERSION_FOLDER = "/version-{VERSION}"
_PLACES = {
    "{SPAN}": r"(?P<span>[1-9][0-9]*)",
    "{VERSION}": r"(?P<version>[1-9][0-9]*)",
    "{YYYY}": r"(?P<year>[0-9]{4})",
    "{MM}": r"(?P<month>[0-9]{2})",
    "{DD}": r"(?P<day>[0-9]{2})",
}
_DATE_PLACES = ("{YYYY}", "{MM}", "{DD}")


def span_of_date(text: str) -> int:
    """Returns the span of an ISO date: days since 1970-01-01.

    Raises:
        ValueError: The text is no date such as "2013-01-31".
    """
    return (date.fromisoformat(text) - _EPOCH).days


def pattern_problem(pattern: str) -> str | None:
    """Says in words why a pattern cannot be used; None: it can."""
    for place in re.findall(r"\{[^}]*\}?", pattern):
        if place not in _PLACES:
            return f"holds {place!r}; known places are {', '.join(_PLACES)}"
    dates = [place in pattern for place in _DATE_PLACES]
    if any(pattern.count(place) > 1 for place in _PLACES):
        return "names a place twice; expected each once"
    if any(dates) and not all(dates):
        return "names a part of a date; expected {YYYY}, {MM} and {DD}"
    if ("{SPAN}" in pattern) == any(dates):
        return "has to name {SPAN}, or else {YYYY}, {MM} and {DD}"
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        return "leaves data.input_base; expected a path below it"
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanFolder:
    """Where one span is read from.

    Attributes:
        path: Its folder.
        version: The version chosen; None: the span has no versions.
    """

    path: Path
    version: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanLayout:
    """How the spans of one folder are laid out.

    Attributes:
        pattern: Folders below input_base, see the module's text.
        versions: Span to the version to read; spans not named: the newest.
    """

    pattern: str = DEFAULT_PATTERN
    versions: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Builds a layout from what JSON holds, whose keys are text."""
        versions = settings.get("versions") or {}
        return cls(
            pattern=settings.get("pattern", DEFAULT_PATTERN),
            versions={int(span): version for span, version in versions.items()},
        )

    def find(self, input_base: Path) -> dict[int, SpanFolder]:
        """Returns the spans below a folder, ascending, with the version to read.

        Raises:
            DataContractError: A folder looks like a span and no reader would find it,
                a date does not exist, one span has two folders, or a named version
                is not there.
        """
        found: dict[int, dict[int | None, Path]] = {}
        patterns = [self.pattern]
        if "{VERSION}" not in self.pattern:
            patterns.append(self.pattern + _VERSION_FOLDER)
        for pattern in patterns:
            for path, span, version in _matches(input_base, pattern):
                known = found.setdefault(span, {}).setdefault(version, path)
                if known != path:
                    raise DataContractError(
                        f"span {span} has two folders: {known} and {path}"
                    )
        return {span: self._choose(span, found[span]) for span in sorted(found)}

    def _choose(self, span: int, paths: Mapping[int | None, Path]) -> SpanFolder:
        numbered = {number: path for number, path in paths.items() if number}
        version = self.versions.get(span, max(numbered, default=None))
        if version is None:
            return SpanFolder(path=paths[None])
        if version not in numbered:
            raise DataContractError(
                f"data.versions names version {version} of span {span}, which is not "
                f"there; its versions: {list_in_words(sorted(numbered)) or 'none'}"
            )
        return SpanFolder(path=numbered[version], version=version)


def _matches(input_base: Path, pattern: str) -> list[tuple[Path, int, int | None]]:
    """Returns folder, span and version of everything that fits one pattern."""
    glob, expression = pattern, re.escape(pattern)
    for place, part in _PLACES.items():
        glob = glob.replace(place, "*")
        expression = expression.replace(re.escape(place), part)
    found = []
    for path in sorted(input_base.glob(glob)):
        if not path.is_dir():
            continue
        name = path.relative_to(input_base).as_posix()
        match = re.fullmatch(expression, name)
        if match is None:
            raise DataContractError(
                f"{path} is not the name of a span: expected {pattern} with a positive "
                "integer without padding for each number, for example span-1"
            )
        version = match.groupdict().get("version")
        found.append((path, _span(match, path), int(version) if version else None))
    return found


def _span(match: re.Match[str], path: Path) -> int:
    parts = match.groupdict()
    if "span" in parts:
        return int(parts["span"])
    try:
        day = datetime(
            int(parts["year"]), int(parts["month"]), int(parts["day"]), tzinfo=UTC
        ).date()
    except ValueError as error:
        raise DataContractError(f"{path} names no day: {error}") from error
    if day <= _EPOCH:
        raise DataContractError(f"{path} is not after {_EPOCH}, the day of span 0")
    return (day - _EPOCH).days
