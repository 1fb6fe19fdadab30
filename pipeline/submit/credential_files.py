"""Reads a secret from a file; on the command line, every user could read it."""

from pathlib import Path

from pipeline.settings_loader import ConfigError


def read_secret(option: str, path: Path) -> str:
    """Returns the one line of a file, without the blanks around it.

    Raises:
        ConfigError: The file cannot be read, is empty or holds several lines; the
            text never shows what it holds.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"{option} {path} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError:
        raise ConfigError(f"{option} {path} is not text.") from None
    if not text or len(text.splitlines()) > 1:
        raise ConfigError(f"{option} {path} does not hold one line.")
    return text
