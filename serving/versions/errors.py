"""What can be wrong with a request to change or list what is served."""

from typing import ClassVar


class VersionsError(RuntimeError):
    """The request cannot be met; the text says what there is instead.

    Attributes:
        exit_code: What the command line exits with: wrong usage.
    """

    exit_code: ClassVar[int] = 2


class LedgerError(VersionsError):
    """The ledger cannot be read or written; nothing was moved."""
