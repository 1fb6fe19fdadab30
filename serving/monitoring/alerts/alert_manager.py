"""Takes reports, remembers what was told, and sees to it that it arrives.

manager = AlertManager(folder, "flights", settings, os.environ)
manager.take(report)      # what is new becomes pending, on the disk
manager.deliver()         # … and is sent
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from serving.monitoring.alerts.alert_settings import AlertSettings, ChannelSettings
from serving.monitoring.alerts.alert_state import (
    AlertState,
    Notification,
    SetAside,
    read_alert_state,
    write_alert_state,
)
from serving.monitoring.alerts.channels import Channel, build_channels
from serving.monitoring.alerts.errors import DeliveryError, RefusedError
from serving.monitoring.alerts.observation import Observation, observations
from serving.monitoring.alerts.transitions import advance
from serving.monitoring.report_format import MonitorReport

_LOG = logging.getLogger(__name__)
_MAX_SET_ASIDE = 50


class AlertManager:
    """Alerts of one model; one process at a time."""

    def __init__(
        self,
        folder: Path,
        model: str,
        settings: AlertSettings,
        environment: Mapping[str, str],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Reads the state.

        Args:
            folder: Of the state; made where it is missing.
            model: The model's name.
            settings: Rules and channels.
            environment: Where webhooks' addresses are found.
            pause: Waits so many seconds between two tries.

        Raises:
            AlertError: Settings or state cannot be used.
        """
        self._folder = folder
        self._settings = settings
        self._channels: dict[str, Channel] = build_channels(settings, environment)
        self._pause = pause
        self.state = read_alert_state(folder, model)

    def take(self, report: MonitorReport) -> None:
        """Compares a report with what was told, and saves what has to be told.

        Windows that are new since the last report are gone through one after the
        other, so that an alarm which came and went in between is told. Of the first
        report ever only the newest window counts: history is not news.

        Args:
            report: All windows that are known, or at least the newest of each slice.

        Raises:
            AlertError: The state cannot be written; nothing was told.
        """
        state = self.state
        for seen in _news(list(observations(report)), state.last_end):
            state = advance(state, seen, self._settings)
        self._save(state)

    def deliver(self) -> None:
        """Sends what is pending, oldest first.

        A channel that fails keeps the rest for the next call, in order. What it
        refuses for good is set aside, and so seen, and does not hold up the others.

        Raises:
            AlertError: The state cannot be written; what was just sent may be sent
                again.
        """
        for name in list(self.state.pending):
            if name not in self._channels:
                self._fail(name, "the settings no longer have this channel")
                continue
            while self.state.pending.get(name) and self._deliver_oldest(name):
                pass

    def _deliver_oldest(self, name: str) -> bool:
        oldest = self.state.pending[name][0]
        try:
            self._send(self._channels[name], self._settings.channels[name], oldest)
        except RefusedError as error:
            _LOG.error(
                "channel %s refuses notification %d: %s", name, oldest.number, error
            )
            kept = SetAside(channel=name, error=str(error), notification=oldest)
            aside = (*self.state.set_aside, kept)[-_MAX_SET_ASIDE:]
            self._drop_oldest(name, set_aside=aside)
        except DeliveryError as error:
            self._fail(name, str(error))
            return False
        else:
            counts = dict(self.state.num_delivered)
            counts[name] = counts.get(name, 0) + 1
            self._drop_oldest(name, num_delivered=counts)
        return True

    def _send(
        self, channel: Channel, settings: ChannelSettings, oldest: Notification
    ) -> None:
        for attempt in range(settings.num_tries):
            try:
                return channel.send(oldest)
            except RefusedError:
                raise
            except DeliveryError:
                if attempt + 1 == settings.num_tries:
                    raise
            self._pause(settings.first_pause_s * 2**attempt)
        return None

    def _drop_oldest(self, name: str, **changes: object) -> None:
        pending = dict(self.state.pending)
        pending[name] = pending[name][1:]
        if not pending[name]:
            del pending[name]
        errors = {key: text for key, text in self.state.errors.items() if key != name}
        self._save(
            dataclasses.replace(self.state, pending=pending, errors=errors, **changes)  # type: ignore[arg-type]
        )

    def _fail(self, name: str, text: str) -> None:
        waiting = len(self.state.pending[name])
        _LOG.warning("channel %s: %d pending: %s", name, waiting, text)
        errors = {**self.state.errors, name: text}
        self._save(dataclasses.replace(self.state, errors=errors))

    def _save(self, state: AlertState) -> None:
        if state != self.state:
            write_alert_state(self._folder, state)
        self.state = state


def _news(seen: list[Observation], last_end: str | None) -> list[Observation]:
    if last_end is None:
        return seen[-1:]
    last = datetime.fromisoformat(last_end)
    return [moment for moment in seen if moment.end > last] or seen[-1:]
