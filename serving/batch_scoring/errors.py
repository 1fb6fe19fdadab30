"""The two ways in which a scoring is refused."""

from typing import ClassVar


class InputRefusedError(RuntimeError):
    """Rows, or a whole file, do not fit the bundle's contract.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code: ClassVar[int] = 3


class ScoringUsageError(RuntimeError):
    """The command asks for what cannot be done: a path, a column, an output folder.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code: ClassVar[int] = 2
