"""What happened in a replay, as plain values: the page and the JSON are made of it."""

import dataclasses
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEvent:
    """Something that happened.

    Attributes:
        day: On the replay's clock.
        kind: "deployed", "trained", "decision", "canary", "rollback", "alarm", "fault",
            "gate" or "repair".
        title: In few words.
        cause: Why, in the words of what decided it.
        numbers: What it was decided on.
    """

    day: date
    kind: str
    title: str
    cause: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class PlantedFault:
    """A fault that was planted, and what became of it.

    Attributes:
        name: In few words.
        began: Its first day.
        caught_by: What noticed it first; "": nothing did.
        message: In its words.
        num_requests, num_rows: Until it was noticed; of a bad model, those that it
            answered itself.
        num_all_rows: Rows of both arms until then; of a feed the same as num_rows.
        num_looks: Windows of the monitor, or looks at the rollout, until then.
        broken_days: Days that a feed was broken on; none for a model.
        consequence: What was kept from happening.
        is_undone: Whether it was rolled back or repaired.
        also: Other guards that were tried on it, in words.
    """

    name: str
    began: date
    caught_by: str = ""
    message: str = ""
    num_requests: int = 0
    num_rows: int = 0
    num_all_rows: int = 0
    num_looks: int = 0
    broken_days: list[date] = field(default_factory=list)
    consequence: str = ""
    is_undone: bool = False
    also: list[str] = field(default_factory=list)

    @property
    def is_caught(self) -> bool:
        """Whether something noticed it and it was undone."""
        return bool(self.caught_by) and self.is_undone


@dataclass(kw_only=True, slots=True)
class TriedVersion:
    """A rollout.

    Attributes:
        version: The candidate's.
        began: Its first day.
        ended: The day it was decided on; None: the year was over.
        verdict: "promote", "rollback" or "stopped"; "": undecided.
        reason: In its words.
        num_requests, num_rows: Of both arms, while it went on.
        num_candidate_requests, num_candidate_rows: Answered by the candidate.
        num_looks: How often it was looked at.
        is_planted: Whether it is the bad model.
    """

    version: int
    began: date
    ended: date | None = None
    verdict: str = ""
    reason: str = ""
    num_requests: int = 0
    num_rows: int = 0
    num_candidate_requests: int = 0
    num_candidate_rows: int = 0
    num_looks: int = 0
    is_planted: bool = False


@dataclass(kw_only=True, slots=True)
class YearRecord:
    """A whole replay.

    Attributes:
        events: In order.
        faults: Planted ones, in order.
        rollouts: In order.
        num_alerts: Notifications delivered, by channel.
        num_requests, num_rows: Answered.
        wall_s: Seconds that it took, by what it took them for.
    """

    events: list[YearEvent] = field(default_factory=list)
    faults: list[PlantedFault] = field(default_factory=list)
    rollouts: list[TriedVersion] = field(default_factory=list)
    num_alerts: dict[str, int] = field(default_factory=dict)
    num_requests: int = 0
    num_rows: int = 0
    wall_s: dict[str, float] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[YearEvent]:
        """Returns the events of one kind."""
        return [event for event in self.events if event.kind == kind]


def as_document(value: Any) -> Any:
    """Returns dataclasses and dates as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            name.name: as_document(getattr(value, name.name))
            for name in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        return {str(key): as_document(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_document(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value
