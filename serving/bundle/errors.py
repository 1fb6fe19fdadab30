"""The one error of this package: a bundle that must not be used."""

from typing import ClassVar


class BundleRefusedError(RuntimeError):
    """A bundle failed a check.

    Attributes:
        guard: Name of the check, one of verify.GUARDS, such as "files".
        reason: What is wrong, in one sentence.
        exit_code: What the command line exits with.
    """

    exit_code: ClassVar[int] = 5

    def __init__(self, guard: str, reason: str) -> None:
        """Says which check failed and why."""
        super().__init__(f"{guard}: {reason}")
        self.guard = guard
        self.reason = reason
