"""Reads what the options of `slipway monitor` say."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.settings_loader import ConfigError, build_settings

if TYPE_CHECKING:
    from serving.monitoring.alerts.alert_settings import AlertSettings

SEVERITIES = ("info", "warning", "critical")


def pass_interval(
    *, once: bool, every: str | None, fail_on: str | None
) -> float | None:
    """Returns the seconds between passes; None: there is one pass.

    Raises:
        ConfigError: The options contradict each other.
    """
    if once and every is not None:
        raise ConfigError("--once and --every exclude each other; give one of them.")
    if fail_on is not None and fail_on not in SEVERITIES:
        raise ConfigError(
            f"--fail-on is {fail_on!r}; expected one of {', '.join(SEVERITIES)}."
        )
    if every is None:
        return None
    if fail_on is not None:
        raise ConfigError("--fail-on is for one pass; leave out --every.")
    return read_length("--every", every).total_seconds()


def read_length(option: str, text: str) -> timedelta:
    """Reads 90s, 10m, 6h, 1d or 1w.

    Raises:
        ConfigError: It is none of them.
    """
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhdw])", text)
    if match is None:
        raise ConfigError(
            f"{option} is {text!r}; expected a whole number and s, m, h, d or w, as in "
            "10m."
        )
    return timedelta(**{units[match[2]]: int(match[1])})


def read_moment(text: str | None) -> datetime | None:
    """Reads a moment, UTC where it has no offset, or how long ago it was.

    Raises:
        ConfigError: It is neither.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return datetime.now(UTC) - read_length("--since", text)
        except ConfigError as error:
            raise ConfigError(
                f"--since is {text!r}; expected a date such as 2013-07-01, or 30d."
            ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_alert_settings(path: Path | None) -> "AlertSettings":
    """Reads rules and channels.

    Raises:
        ConfigError: The file is missing, no YAML, or has a setting that is unknown or
            of another type.
        AlertError: A setting cannot be used.
    """
    import yaml

    from serving.monitoring.alerts.alert_settings import AlertSettings

    if path is None:
        return AlertSettings()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"--alerts {path} cannot be read: {error}.") from error
    return build_settings(AlertSettings, values)
