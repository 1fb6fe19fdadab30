"""Who is told about which alarm, and how: the `--alerts` file.

    channels:
      log: {kind: log}
      ops: {kind: webhook, url_env: SLACK_WEBHOOK_URL}
      pager: {kind: command, command: [/usr/local/bin/page, --team, ml]}
    rules:
      - {name: everything, min_severity: info, channels: [log]}
      - {name: carriers, features: [carrier], slices: ["*"], channels: [ops]}
      - {name: night, min_severity: critical, cool_down_s: 3600, channels: [pager]}

Every rule that matches an alarm tells its own channels; a rule's cool-down and its
memory of what it has told are its own.
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import get_args

from serving.monitoring.alerts.errors import AlertError
from serving.monitoring.report_format import SEVERITIES, Alarm, AlarmKind

KINDS: tuple[AlarmKind, ...] = get_args(AlarmKind)
CHANNEL_KINDS = ("log", "webhook", "command")

_DAY_S = 86_400.0
_RANKS: dict[str, int] = {severity: place for place, severity in enumerate(SEVERITIES)}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelSettings:
    """One way to tell somebody.

    Attributes:
        kind: "log": a line of this process' log; "webhook": Slack's incoming-webhook
            JSON; "command": a process that reads the notification as JSON.
        url_env: Name of the environment variable that holds the webhook's address:
            the address is a secret and has no place in a file.
        command: Program and arguments; no shell sees them.
        timeout_s: Seconds for one connection, answer or process, above 0.
        num_tries: Tries in one pass, at least 1; further ones come with the next.
        first_pause_s: Seconds before the second try, doubled for each one after it.
    """

    kind: str
    url_env: str = ""
    command: tuple[str, ...] = ()
    timeout_s: float = 10.0
    num_tries: int = 3
    first_pause_s: float = 1.0

    def __post_init__(self) -> None:
        _require_choice("a channel's kind", self.kind, CHANNEL_KINDS)
        _require(
            (self.kind == "webhook") == bool(self.url_env),
            f"a channel of kind {self.kind} has url_env {self.url_env!r}; a webhook "
            "needs the name of an environment variable, no other kind takes one.",
        )
        _require(
            not self.url_env or re.fullmatch(r"[A-Za-z_]\w*", self.url_env) is not None,
            "a channel's url_env is no name of an environment variable. The address "
            "itself belongs into the variable: export SLACK_WEBHOOK_URL=…",
        )
        _require(
            (self.kind == "command") == bool(self.command),
            f"a channel of kind {self.kind} has the command {list(self.command)}; a "
            "command needs a program, no other kind takes one.",
        )
        _require(
            self.timeout_s > 0, f"timeout_s is {self.timeout_s}; expected above 0."
        )
        _require(
            self.num_tries >= 1, f"num_tries is {self.num_tries}; expected 1 or more."
        )
        _require(
            self.first_pause_s >= 0,
            f"first_pause_s is {self.first_pause_s}; expected 0 or more.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertRule:
    """Which alarms go to which channels.

    Attributes:
        name: Unique among the rules.
        channels: Names of channels, at least one.
        min_severity: The least severity that is told: info, warning or critical.
        kinds: Kinds of alarms; empty: all.
        features: Globs, case counts; an alarm of no feature has the name "".
        slices: Globs; "" is the slice of all rows.
        cool_down_s: An alarm that ended and comes back is told again only so many
            seconds of the windows' time after the last telling, unless it is graver.
    """

    name: str
    channels: tuple[str, ...]
    min_severity: str = "warning"
    kinds: tuple[str, ...] = ()
    features: tuple[str, ...] = ("*",)
    slices: tuple[str, ...] = ("*",)
    cool_down_s: float = _DAY_S

    def __post_init__(self) -> None:
        _require(bool(self.name), "a rule's name is empty; expected a text.")
        where = f"rule {self.name!r}:"
        _require(bool(self.channels), f"{where} channels is empty; name at least one.")
        _require_choice(f"{where} min_severity", self.min_severity, SEVERITIES)
        for kind in self.kinds:
            _require_choice(f"{where} a kind", kind, KINDS)
        _require(
            self.cool_down_s >= 0,
            f"{where} cool_down_s is {self.cool_down_s}; expected 0 or more.",
        )

    def is_about(self, alarm: Alarm) -> bool:
        """Tells whether kind, feature and slice match, however grave the alarm is."""
        return (
            (not self.kinds or alarm.kind in self.kinds)
            and any(fnmatchcase(alarm.feature, glob) for glob in self.features)
            and any(fnmatchcase(alarm.slice, glob) for glob in self.slices)
        )

    def tells(self, alarm: Alarm) -> bool:
        """Tells whether the alarm is one for this rule's channels."""
        return self.is_about(alarm) and rank(alarm.severity) >= rank(self.min_severity)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertSettings:
    """All of the file; without one, warnings and worse go to the log.

    Attributes:
        channels: By name.
        rules: In any order; each works for itself.
        page_url: Where people find the page; a link in every message. May be empty.
        max_pending: Notifications kept for a channel that cannot be reached; beyond
            them the oldest is dropped and counted.
    """

    channels: dict[str, ChannelSettings] = field(
        default_factory=lambda: {"log": ChannelSettings(kind="log")}
    )
    rules: tuple[AlertRule, ...] = field(
        default_factory=lambda: (AlertRule(name="warnings", channels=("log",)),)
    )
    page_url: str = ""
    max_pending: int = 500

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        _require(not twice, f"the rule's name {twice[:1]} is given twice; rename one.")
        for rule in self.rules:
            for channel in rule.channels:
                _require_choice(
                    f"rule {rule.name!r}: a channel", channel, tuple(self.channels)
                )
        _require(
            self.max_pending >= 1,
            f"max_pending is {self.max_pending}; expected 1 or more.",
        )


def rank(severity: str) -> int:
    """Returns 0 for the least severity; graver ones have higher numbers."""
    return _RANKS[severity]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AlertError(message)


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    _require(value in choices, f"{name} is {value!r}; it can be {', '.join(choices)}.")
