"""Checks the URL of a host before anything is sent there."""

from urllib.parse import urlsplit

from pipeline.settings_loader import ConfigError


def check_url(option: str, text: str) -> str:
    """Returns the URL without a slash at its end.

    Raises:
        ConfigError: No http or https, no host, a port that is none, a user or
            password, a query or a fragment.
    """
    try:
        parts = urlsplit(text)
        is_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_host = False
    if not is_host or parts.scheme not in ("http", "https"):
        raise ConfigError(
            f"{option} is {text!r}; expected a URL such as https://pipelines.example "
            "or http://localhost:8080."
        )
    if parts.username is not None or parts.query or parts.fragment:
        # The value may hold a password: it is not shown.
        raise ConfigError(
            f"{option} holds a user, a query or a fragment; expected scheme, host, "
            "port and path alone. A token goes into a file: --token-file."
        )
    return text.rstrip("/")
