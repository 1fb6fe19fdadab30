"""Tells the log of this process."""

import logging

from serving.monitoring.alerts.alert_state import Notification
from serving.monitoring.alerts.wording import sentence

LOGGER = "slipway.alerts"

_LEVELS = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "critical": logging.CRITICAL,
}


class LogChannel:
    """One line for each notification."""

    def send(self, notification: Notification) -> None:
        """Logs at the alarm's severity; the end of an alarm is information."""
        is_over = notification.event == "resolved"
        level = logging.INFO if is_over else _LEVELS[notification.severity]
        logging.getLogger(LOGGER).log(level, "%s", sentence(notification))
