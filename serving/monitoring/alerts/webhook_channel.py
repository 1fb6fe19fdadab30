"""Tells a webhook, in the JSON of Slack's incoming webhooks.

The address is a secret: whoever has it can post. It is in no message, log line or
file of ours, and a redirect, which could lead anywhere, is not followed.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from serving.monitoring.alerts.alert_state import Notification
from serving.monitoring.alerts.errors import AlertError, DeliveryError, RefusedError
from serving.monitoring.alerts.wording import slack_payload

# What the receiver says about the message itself, so that the same one stays wrong.
_REFUSALS = (400, 413, 422)
_MAX_ANSWER_BYTES = 200


class WebhookChannel:
    """Posts one notification a request; a proxy of the environment is used."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connects to nothing yet.

        Args:
            url: http or https.
            timeout_s: Seconds for connecting and for each part of the answer.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, notification: Notification) -> None:
        """Posts it; an answer of 2xx is a delivery.

        Raises:
            DeliveryError: No answer, or one that may be another the next time.
            RefusedError: 400, 413 or 422: the receiver does not take this message.
        """
        body = json.dumps(slack_payload(notification)).encode()
        request = urllib.request.Request(  # noqa: S310 - webhook_url checked the scheme
            self._url,
            data=body,
            headers={"content-type": "application/json"},
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                answer.read(_MAX_ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raise _error_of(error) from None
        except urllib.error.URLError as error:
            raise DeliveryError(f"no connection: {_kind_of(error.reason)}") from None
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(f"no answer: {_kind_of(error)}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follows nothing: urllib then raises the answer as an error."""


def webhook_url(channel: str, variable: str, environment: Mapping[str, str]) -> str:
    """Returns a webhook's address.

    Raises:
        AlertError: The variable is not set or holds no address; never shows it.
    """
    url = environment.get(variable, "")
    if not url:
        raise AlertError(
            f"channel {channel!r} needs the environment variable {variable}, which is "
            "not set. It holds the webhook's address."
        )
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        is_usable = False
    if not is_usable or any(character.isspace() for character in url):
        raise AlertError(
            f"channel {channel!r}: the environment variable {variable} holds no "
            "address; expected https://…"
        )
    return url


def _error_of(error: urllib.error.HTTPError) -> DeliveryError:
    try:
        said = error.read(_MAX_ANSWER_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        said = ""
    text = f"answer {error.code}: {' '.join(said.split())!r}"
    return RefusedError(text) if error.code in _REFUSALS else DeliveryError(text)


def _kind_of(error: object) -> str:
    """Returns what went wrong without the address that a text might hold."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
