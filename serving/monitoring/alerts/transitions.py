"""What has to be told: compares what lasts now with what was told before.

    alarm lasts, never told      firing      unless the rule's cool-down runs
    … is graver than told        escalated   breaks the cool-down
    … lasts on                   nothing
    measured and gone            resolved    if somebody was told that it lasts
    not measured                 nothing     no rows or labels prove nothing

Pure: the same state, observation and settings always give the same result.
"""

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

from serving.monitoring.alerts.alert_settings import AlertRule, AlertSettings, rank
from serving.monitoring.alerts.alert_state import (
    AlertState,
    Event,
    Notification,
    Told,
)
from serving.monitoring.alerts.observation import Observation, subject_of
from serving.monitoring.report_format import Alarm


def advance(
    state: AlertState, seen: Observation, settings: AlertSettings
) -> AlertState:
    """Returns the state after one window, with what has to be told as pending.

    Args:
        state: After the window before; a window may be given again when more is known
            of it.
        seen: What lasts now.
        settings: Rules and channels.
    """
    told: list[Told] = []
    events: list[tuple[AlertRule, Event, Told]] = []
    before = {(entry.rule, entry.alarm_id): entry for entry in state.told}
    for rule in settings.rules:
        for entry, event in _steps(rule, before, seen):
            if entry.is_open or _cools_down(entry, rule, seen.end):
                told.append(entry)
            if event is not None:
                events.append((rule, event, entry))
    state = dataclasses.replace(state, told=tuple(told), last_end=seen.end.isoformat())
    for rule, event, entry in events:
        state = _with_pending(state, (rule, event, entry), seen, settings)
    return state


def _steps(
    rule: AlertRule, before: dict[tuple[str, str], Told], seen: Observation
) -> Iterator[tuple[Told, Event | None]]:
    """Yields what becomes of each alarm that this rule knows or is told of."""
    lasting = {name: alarm for name, alarm in seen.alarms.items() if rule.tells(alarm)}
    for alarm in lasting.values():
        yield _lasting(rule, before.get((rule.name, alarm.id)), alarm, seen.end)
    for (name, alarm_id), entry in before.items():
        if name != rule.name or alarm_id in lasting:
            continue
        if entry.is_open and not _is_over(rule, entry, seen):
            yield entry, None
        else:
            event: Event | None = "resolved" if entry.was_told else None
            yield dataclasses.replace(entry, is_open=False, was_told=False), event


def _lasting(
    rule: AlertRule, entry: Told | None, alarm: Alarm, end: datetime
) -> tuple[Told, Event | None]:
    if entry is None:
        entry = Told(
            rule=rule.name,
            alarm_id=alarm.id,
            is_open=True,
            severity=None,
            was_told=False,
            told_at=None,
            since=end.isoformat(),
            alarm={},
        )
    elif not entry.is_open:
        entry = dataclasses.replace(entry, is_open=True, since=end.isoformat())
    entry = dataclasses.replace(entry, alarm=dataclasses.asdict(alarm))
    is_graver = entry.severity is None or rank(alarm.severity) > rank(entry.severity)
    if not is_graver and (entry.was_told or _cools_down(entry, rule, end)):
        return entry, None
    event: Event = "escalated" if entry.was_told else "firing"
    entry = dataclasses.replace(
        entry, was_told=True, severity=alarm.severity, told_at=end.isoformat()
    )
    return entry, event


def _is_over(rule: AlertRule, entry: Told, seen: Observation) -> bool:
    """Tells whether an alarm that this rule told of is known not to last.

    One that lasts, but is no longer grave enough for the rule, is over for the rule.
    """
    alarm = seen.alarms.get(entry.alarm_id)
    if alarm is not None:
        return rule.is_about(alarm)
    return subject_of(Alarm(**entry.alarm)) in seen.measured


def _cools_down(entry: Told, rule: AlertRule, end: datetime) -> bool:
    if entry.told_at is None:
        return False
    since = end - datetime.fromisoformat(entry.told_at)
    return since < timedelta(seconds=rule.cool_down_s)


def _with_pending(
    state: AlertState,
    step: tuple[AlertRule, Event, Told],
    seen: Observation,
    settings: AlertSettings,
) -> AlertState:
    rule, event, entry = step
    pending, dropped = dict(state.pending), dict(state.num_dropped)
    number = state.last_number
    for channel in rule.channels:
        number += 1
        alarm = {key: entry.alarm[key] for key in _ALARM_FIELDS}
        notification = Notification(
            number=number,
            event=event,
            model=state.model,
            rule=rule.name,
            alarm_id=entry.alarm_id,
            since=entry.since,
            window_end=seen.end.isoformat(),
            page_url=settings.page_url,
            **alarm,
        )
        waiting = (*pending.get(channel, ()), notification)
        excess = max(0, len(waiting) - settings.max_pending)
        pending[channel] = waiting[excess:]
        if excess:
            dropped[channel] = dropped.get(channel, 0) + excess
    return dataclasses.replace(
        state, last_number=number, pending=pending, num_dropped=dropped
    )


_ALARM_FIELDS = (
    "severity",
    "kind",
    "feature",
    "slice",
    "message",
    "value",
    "threshold",
)


def open_alerts(state: AlertState) -> tuple[Told, ...]:
    """Returns what lasts, the gravest first."""
    lasting = [entry for entry in state.told if entry.is_open]
    return tuple(
        sorted(
            lasting,
            key=lambda entry: (
                -rank(entry.alarm["severity"]),
                entry.alarm_id,
                entry.rule,
            ),
        )
    )
