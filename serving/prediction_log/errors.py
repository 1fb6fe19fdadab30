"""What can be wrong with a prediction log's settings, files or labels."""

from typing import ClassVar


class PredictionLogError(RuntimeError):
    """A setting, a file of labels or a log cannot be used; the text says what to do.

    Attributes:
        exit_code: What the command line exits with: wrong usage.
    """

    exit_code: ClassVar[int] = 2
