"""Who runs a command, for ledgers and events."""

import getpass
import os
import socket


def author_name() -> str:
    """Returns "user@host" of this process; "uid 1000@host" where it has no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
