"""Builds channels from their settings."""

from collections.abc import Mapping
from typing import Protocol

from serving.monitoring.alerts.alert_settings import AlertSettings, ChannelSettings
from serving.monitoring.alerts.alert_state import Notification
from serving.monitoring.alerts.command_channel import CommandChannel
from serving.monitoring.alerts.log_channel import LogChannel
from serving.monitoring.alerts.webhook_channel import WebhookChannel, webhook_url


class Channel(Protocol):
    """One way to tell somebody."""

    def send(self, notification: Notification) -> None:
        """Delivers one notification.

        Raises:
            DeliveryError: It did not arrive, or nobody knows whether it did.
            RefusedError: It never will.
        """


def build_channels(
    settings: AlertSettings, environment: Mapping[str, str]
) -> dict[str, Channel]:
    """Returns the channels by name.

    Args:
        settings: Of all channels.
        environment: Where webhooks' addresses are found.

    Raises:
        AlertError: A webhook's variable is not set or holds no address.
    """
    return {
        name: _build(name, channel, environment)
        for name, channel in settings.channels.items()
    }


def _build(
    name: str, settings: ChannelSettings, environment: Mapping[str, str]
) -> Channel:
    if settings.kind == "webhook":
        url = webhook_url(name, settings.url_env, environment)
        return WebhookChannel(url, settings.timeout_s)
    if settings.kind == "command":
        return CommandChannel(settings.command, settings.timeout_s)
    return LogChannel()
