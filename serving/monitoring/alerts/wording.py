"""A notification in words, for people who see nothing else."""

from serving.monitoring.alerts.alert_state import Notification

_EVENTS = {"firing": "", "escalated": "graver: ", "resolved": "resolved: "}
_MARKS = {
    "info": ":information_source:",
    "warning": ":warning:",
    "critical": ":red_circle:",
}
_RESOLVED_MARK = ":white_check_mark:"
_MAX_CHARACTERS = 2_500
"""Slack refuses a section of more than 3,000."""


def subject(notification: Notification) -> str:
    """Returns one line: model, severity, what, where."""
    what = notification.kind
    if notification.feature:
        what += f" {notification.feature}"
    if notification.slice:
        what += f" in {notification.slice}"
    return (
        f"{notification.model}: {_EVENTS[notification.event]}"
        f"{notification.severity} {what}"
    )


def sentence(notification: Notification) -> str:
    """Returns one line with the numbers: what a log holds."""
    return (
        f"{subject(notification)}: {_one_line(notification.message)} (window until "
        f"{notification.window_end}, since {notification.since})"
    )


def slack_payload(notification: Notification) -> dict[str, object]:
    """Returns the JSON of Slack's incoming webhooks.

    Values come from requests: &, < and > are escaped, so that a category named
    <!channel> wakes nobody up.

    Source:
        https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
        https://docs.slack.dev/messaging/formatting-message-text ("Escaping text").
    """
    is_over = notification.event == "resolved"
    mark = _RESOLVED_MARK if is_over else _MARKS[notification.severity]
    head = f"{mark} {_escaped(subject(notification))}"
    body = _escaped(_one_line(notification.message))
    about = (
        f"window until {notification.window_end} · since {notification.since} · "
        f"rule {_escaped(notification.rule)} · no. {notification.number}"
    )
    if notification.page_url:
        about += f" · <{notification.page_url}|page>"
    return {
        "text": f"{head}: {body}",
        "blocks": [
            _section(f"*{head}*\n{body}"),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": about}]},
        ],
    }


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > _MAX_CHARACTERS:
        return line[:_MAX_CHARACTERS] + " …"
    return line
