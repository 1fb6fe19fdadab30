"""alerts.json: what was told to whom, and what still has to be.

    {"format_version": 1, "model": "flights", "last_end": "2013-07-03T00:00:00+00:00",
     "told": [{"rule": …, "alarm_id": …, "is_open": true, "severity": "warning", …}],
     "pending": {"ops": [{"number": 17, "event": "firing", …}]},
     "set_aside": [{"channel": "ops", "error": …, "notification": {…}}], …}

It is written beside and renamed, with both synced: a reader and a restart see the old
or the new state. A notification is in the file before a channel sees it and leaves it
after the channel took it, so a crash in between delivers it twice and never not at all;
`number` tells a receiver that it is the same one.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from serving.bundle.strict_json import FormatError, decode, parse_json
from serving.monitoring.alerts.errors import AlertError
from serving.monitoring.whole_file import write_whole

STATE = "alerts.json"
FORMAT_VERSION = 1

Event = Literal["firing", "escalated", "resolved"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Notification:
    """One message to one channel.

    Attributes:
        number: Counts up from 1 over the life of the state.
        event: firing: it began; escalated: it became graver; resolved: it is over.
        model: The model's name.
        rule: Why this channel is told.
        alarm_id, severity, kind, feature, slice, message, value, threshold: The
            alarm's; of a resolved one as they were last.
        since: End of the first window that had it, ISO 8601.
        window_end: End of the window that this is about, ISO 8601.
        page_url: Where to look; may be empty.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    number: int
    event: Event
    model: str
    rule: str
    alarm_id: str
    severity: str
    kind: str
    feature: str
    slice: str
    message: str
    value: float | None
    threshold: float | None
    since: str
    window_end: str
    page_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a rule has made of one alarm.

    Attributes:
        rule: Name of the rule.
        alarm_id: Of the alarm.
        is_open: Whether the alarm lasts.
        severity: The gravest that was told since it began, or in a cool-down the one
            that was told last; None: it lasts, and nobody was ever told.
        was_told: Whether somebody was told that it lasts.
        told_at: End of the window that was told last, ISO 8601; None: never.
        since: End of the first window that had it, ISO 8601.
        alarm: As it was in the newest window that had it.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    rule: str
    alarm_id: str
    is_open: bool
    severity: str | None
    was_told: bool
    told_at: str | None
    since: str
    alarm: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAside:
    """A notification that its channel refused for good.

    Attributes:
        channel: Name of the channel.
        error: What it said.
        notification: What it did not take.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    channel: str
    error: str
    notification: Notification


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertState:
    """The whole file.

    Attributes:
        model: The model's name.
        last_end: End of the newest window seen, ISO 8601; None: none yet.
        last_number: Of the newest notification.
        told: One entry for each rule and alarm that lasts or cools down.
        pending: By channel, oldest first: what still has to be delivered.
        errors: By channel: why its oldest pending notification was not delivered.
        set_aside: The newest refused notifications, at most 50.
        num_delivered: By channel, since the state exists.
        num_dropped: By channel: more was pending than max_pending allows.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    format_version: int = FORMAT_VERSION
    model: str
    last_end: str | None = None
    last_number: int = 0
    told: tuple[Told, ...] = ()
    pending: dict[str, tuple[Notification, ...]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    set_aside: tuple[SetAside, ...] = ()
    num_delivered: dict[str, int] = field(default_factory=dict)
    num_dropped: dict[str, int] = field(default_factory=dict)


def read_alert_state(folder: Path, model: str) -> AlertState:
    """Reads the state; a new one where there is none.

    Raises:
        AlertError: It cannot be read, is of another model or a newer slipway. It is
            never replaced by an empty one: that would tell everything again.
    """
    path = folder / STATE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return AlertState(model=model)
    except OSError as error:
        raise AlertError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        document = parse_json(text)
        version = document.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise AlertError(
                f"{path} has format_version {version}; this slipway reads up to "
                f"{FORMAT_VERSION}. Upgrade slipway."
            )
        state = decode(AlertState, document)
    except FormatError as error:
        raise AlertError(
            f"{path} is damaged: {error} Move it away to begin anew; alarms that last "
            "are then told again."
        ) from error
    if state.model != model:
        raise AlertError(
            f"{path} belongs to model {state.model!r}, not {model!r}; give each model "
            "its own state folder."
        )
    return state


def write_alert_state(folder: Path, state: AlertState) -> None:
    """Puts a new state in place of the old one.

    Raises:
        AlertError: The folder cannot be written.
    """
    text = json.dumps(dataclasses.asdict(state), indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / STATE, text.encode())
    except OSError as error:
        raise AlertError(
            f"{folder / STATE} cannot be written: {error.strerror or error}."
        ) from error


def as_json(notification: Notification) -> dict[str, Any]:
    """Returns a notification as JSON can hold it."""
    return dataclasses.asdict(notification)
