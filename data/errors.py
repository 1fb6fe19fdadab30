"""What can be wrong with a span: one error type per remedy.

All are `DataContractError`, so that one `except` at the edge of the process turns
any of them into exit code 3. Facts are attributes; the text is derived from them.
"""

from collections.abc import Sequence
from pathlib import Path

MAX_LISTED = 5


def list_in_words(items: Sequence[object]) -> str:
    """Returns the items separated by commas, cut after five ("… and 7 more")."""
    text = ", ".join(str(item) for item in items[:MAX_LISTED])
    num_more = len(items) - MAX_LISTED
    return f"{text} … and {num_more} more" if num_more > 0 else text


class DataContractError(ValueError):
    """The data on disk or in memory breaks the span contract.

    Attributes:
        exit_code: What the command line exits with, as for any trouble with data.
    """

    exit_code = 3


class SpanNotFoundError(DataContractError):
    """The span asked for has no folder.

    Attributes:
        span: The span asked for.
        input_base: Folder that was searched.
        known_spans: Spans that do exist there, ascending.
    """

    def __init__(self, span: int, input_base: Path, known_spans: Sequence[int]) -> None:
        self.span = span
        self.input_base = input_base
        self.known_spans = tuple(known_spans)
        known = list_in_words(self.known_spans) if known_spans else "none"
        super().__init__(
            f"span {span} does not exist: {input_base} has no folder span-{span}; "
            f"spans there: {known}"
        )


class SpanExistsError(DataContractError):
    """The span is already there with other contents; spans are append-only.

    Its own class because a rerun must be able to tell "already done" (no error)
    from "somebody changed the past" (this one).

    Attributes:
        span: The span that was to be written.
        folder: Its folder, left untouched.
        existing_digest: Digest of the span on disk, 64 hexadecimal digits.
        new_digest: Digest of the rows that were to be written.
    """

    def __init__(
        self, span: int, folder: Path, existing_digest: str, new_digest: str
    ) -> None:
        self.span = span
        self.folder = folder
        self.existing_digest = existing_digest
        self.new_digest = new_digest
        super().__init__(
            f"span {span} already exists in {folder} with digest {existing_digest}; "
            f"the rows to write have digest {new_digest}. Spans are append-only: "
            "write the rows under a new span number, or delete the folder first if "
            "no run has read it."
        )


class SpanCorruptError(DataContractError):
    """A file of the span is not the one its manifest describes.

    Attributes:
        folder: Folder of the span.
        file_name: The file, relative to `folder`.
        expected: What the manifest says, for example a SHA-256 digest.
        found: What is on disk.
    """

    def __init__(self, folder: Path, file_name: str, expected: str, found: str) -> None:
        self.folder = folder
        self.file_name = file_name
        self.expected = expected
        self.found = found
        super().__init__(
            f"{folder / file_name} does not match its manifest: expected {expected}, "
            f"found {found}. Restore the file, or delete the folder and write the "
            "span again."
        )
