"""The one error of this package."""

from typing import ClassVar


class RolloutError(ValueError):
    """A rollout cannot be started, read or carried on; the text says what to do.

    Attributes:
        exit_code: What the command line exits with: wrong usage.
    """

    exit_code: ClassVar[int] = 2
