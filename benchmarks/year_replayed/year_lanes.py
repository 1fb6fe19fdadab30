"""The year at a glance: one lane each for versions, rollouts, faults and alarms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from benchmarks.year_replayed.year_record import YearRecord
from benchmarks.year_replayed.year_rows import midnight
from serving.monitoring.page.time_axis import TimeAxis

_LANE, _BAR = 46.0, 16.0
_LABEL_Y, _BAR_Y = 12.0, 20.0
_TICKS = 20.0
_DAY = timedelta(days=1)
_WIDE_PERCENT = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A bar or, without an end, a dot.

    Attributes:
        first, last: Days; None: a dot on the first.
        style: CSS class.
        label: Written in or beside it; "": nothing.
        about: Under the pointer.
    """

    first: date
    last: date | None
    style: str
    label: str
    about: str


def lanes_of(record: YearRecord, end: date) -> list[tuple[str, list[Mark]]]:
    """Returns the lanes' names and marks.

    Args:
        record: What happened.
        end: Last day of the replay.
    """
    return [
        ("Served version", _versions(record, end)),
        ("Rollouts", _rollouts(record, end)),
        ("Planted faults", _faults(record)),
        ("Warnings and worse", _alarms(record)),
    ]


def _versions(record: YearRecord, end: date) -> list[Mark]:
    deployed = record.of_kind("deployed")
    ends = [event.day for event in deployed[1:]] + [end]
    return [
        Mark(
            first=event.day,
            last=last,
            style=f"served{place % 2}",
            label=event.title,
            about=f"{event.title} from {event.day:%d %B}: {event.cause}",
        )
        for place, (event, last) in enumerate(zip(deployed, ends, strict=True))
    ]


def _rollouts(record: YearRecord, end: date) -> list[Mark]:
    return [
        Mark(
            first=tried.began,
            last=tried.ended or end,
            style={"promote": "good", "rollback": "bad"}.get(tried.verdict, "open"),
            label=f"v{tried.version}",
            about=f"v{tried.version}, {tried.verdict or 'undecided'}: {tried.reason}",
        )
        for tried in record.rollouts
    ]


def _faults(record: YearRecord) -> list[Mark]:
    return [
        Mark(
            first=fault.began,
            last=fault.began + _DAY,
            style="bad",
            label=fault.name.partition(":")[0],
            about=f"{fault.name}: {fault.caught_by or 'not caught'}",
        )
        for fault in record.faults
    ]


def _alarms(record: YearRecord) -> list[Mark]:
    return [
        Mark(
            first=event.day,
            last=None,
            style=str(event.numbers["severity"]),
            label="",
            about=f"{event.day:%d %B}, {event.title}: {event.cause}",
        )
        for event in record.of_kind("alarm")
    ]


def draw_lanes(lanes: Sequence[tuple[str, list[Mark]]], time: TimeAxis) -> Markup:
    """Returns an svg element.

    Args:
        lanes: Names and marks.
        time: The axis of the whole page.
    """
    height = len(lanes) * _LANE + _TICKS
    parts = [*_ticks(time, len(lanes) * _LANE)]
    for place, (name, marks) in enumerate(lanes):
        top = place * _LANE
        parts.append(
            Markup('<text class="lane" x="0" y="{y}">{name}</text>').format(
                y=top + _LABEL_Y, name=name
            )
        )
        parts += [part for mark in marks for part in _mark(mark, time, top)]
    return Markup(
        '<svg class="chart lanes" role="img" aria-label="The year at a glance" '
        'width="100%" height="{height}">{parts}</svg>'
    ).format(height=height, parts=Markup("").join(parts))


def _ticks(time: TimeAxis, bottom: float) -> Iterator[Markup]:
    for tick in time.ticks():
        yield Markup(
            '<line class="grid" x1="{x}%" x2="{x}%" y1="0" y2="{y}"/>'
            '<text class="tick-label" x="{x}%" y="{below}">{label}</text>'
        ).format(x=tick.place, y=bottom, below=bottom + 15, label=tick.label)


def _mark(mark: Mark, time: TimeAxis, top: float) -> Iterator[Markup]:
    left = time.place(midnight(mark.first))
    if mark.last is None:
        yield Markup(
            '<circle class="dot {style}" cx="{x}%" cy="{y}" r="4"><title>{about}'
            "</title></circle>"
        ).format(style=mark.style, x=left, y=top + _BAR_Y + _BAR / 2, about=mark.about)
        return
    right = time.place(midnight(mark.last))
    width = max(0.5, round(right - left, 3))
    yield Markup(
        '<rect class="bar {style}" x="{x}%" width="{width}%" y="{y}" height="{height}" '
        'rx="3"><title>{about}</title></rect>'
    ).format(
        style=mark.style, x=left, width=width, y=top + _BAR_Y, height=_BAR,
        about=mark.about,
    )  # fmt: skip
    is_inside = width >= _WIDE_PERCENT and len(mark.label) <= 4  # noqa: PLR2004 - "v12"
    yield Markup('<text class="{where}" x="{x}%" y="{y}">{label}</text>').format(
        where="in-bar" if is_inside else "by-bar",
        x=round(left + width / 2, 3) if is_inside else round(left + width + 0.4, 3),
        y=top + _BAR_Y + 12,
        label=mark.label,
    )
