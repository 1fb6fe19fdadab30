"""What a proof found: counts, the worst row of each column, causes; JSON and words.

{"format": "slipway-skew-proof", "format_version": 1, "model", "created_at",
 "is_equal", "num_rows", "bundles": [{"version", "bundle_digest", …,
    "files": [{"path", "what", "lines": [{"line", "reference", "served"}]}],
    "columns": [{"part", "column", "against", "num_rows", "num_differing",
                 "worst", "cause"}]}],
 "unproven": [{"reason", "num_rows"}]}
"""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

FORMAT = "slipway-skew-proof"
FORMAT_VERSION = 1

_MAX_RAW = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class LineDifference:
    """One line of a vocabulary that is another in two copies of a file.

    Attributes:
        line: Its number, from 1.
        reference: Its text in the copy that is right; None where that ends earlier.
        served: Its text in the other; None likewise.
    """

    line: int
    reference: str | None
    served: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDifference:
    """One file that is not what the contract says.

    Attributes:
        folder: The folder that holds the wrong file.
        path: The file, relative to the bundle.
        what: "changed", "missing" or "added".
        expected_sha256: Of the file that was pushed; "" for one that was added. Of
            contract.json, which holds its own, the digest.
        found_sha256: Of the file there is, likewise; "" for a missing one.
        lines: Of a text file, the first lines that differ; empty where no right copy
            is at hand or it is no text.
        num_lines: How many lines differ; 0 where they could not be compared.
    """

    folder: str
    path: str
    what: str
    expected_sha256: str = ""
    found_sha256: str = ""
    lines: tuple[LineDifference, ...] = ()
    num_lines: int = 0

    @property
    def sentence(self) -> str:
        """The difference in words, without a full stop."""
        told = {
            "changed": f"{self.path} in {self.folder} is not the file that was pushed "
            f"(SHA-256 {self.found_sha256[:12]}…, pushed was "
            f"{self.expected_sha256[:12]}…)",
            "missing": f"{self.path} is missing from {self.folder}",
            "added": f"{self.path} in {self.folder} is no file of the bundle",
        }[self.what]
        if not self.lines:
            return told
        shown = "; ".join(line_in_words(line) for line in self.lines)
        rest = self.num_lines - len(self.lines)
        more = f"; and {rest:,} lines more" if rest else ""
        return f"{told}: {shown}{more}"


def line_in_words(line: LineDifference) -> str:
    """Returns "line 8 is 'carrier=XX', pushed was 'carrier=UA'"."""
    found = "gone" if line.served is None else repr(line.served)
    pushed = "not there" if line.reference is None else repr(line.reference)
    return f"line {line.line} is {found}, pushed was {pushed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorstRow:
    """The row of a column that differs most; of ids and texts, the first.

    Attributes:
        request_id, row: Which row of the log.
        time: When it was answered, ISO 8601, UTC.
        raw: Raw features that the column is made of, to the logged value; None:
            missing.
        served: What the log has.
        replayed: What the reference makes of the raw row.
    """

    request_id: str
    row: int
    time: str
    raw: dict[str, Any]
    served: Any
    replayed: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnDifference:
    """A transformed feature or an output that was served otherwise.

    Attributes:
        part: "transformed" or "outputs".
        column: Its name.
        against: What it was held against: "the bundle", "Transform's graph".
        num_rows: Rows that were compared.
        num_differing: Of these, rows that differ; at least 1.
        worst: See WorstRow.
        cause: Why, as far as it can be known, in words; "" where it cannot.
    """

    part: str
    column: str
    against: str
    num_rows: int
    num_differing: int
    worst: WorstRow
    cause: str = ""

    @property
    def sentence(self) -> str:
        """The difference in words, without a full stop."""
        raw = ", ".join(f"{name}={value!r}" for name, value in self.worst.raw.items())
        # An output is made of every feature: that list helps nobody.
        raw = raw if len(self.worst.raw) <= _MAX_RAW else ""
        kind = "feature" if self.part == "transformed" else "output"
        return (
            f"{kind} {self.column!r} was served otherwise than {self.against} makes it "
            f"in {self.num_differing:,} of {self.num_rows:,} rows; most of all in "
            f"request {self.worst.request_id!r}, row {self.worst.row}"
            + (f", with {raw}" if raw else "")
            + f": served {self.worst.served!r}, replayed {self.worst.replayed!r}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleProof:
    """What was found of the rows that one bundle answered.

    Attributes:
        version: Of the model.
        bundle_digest: As the rows name it.
        bundle: Its folder here.
        replayed_on: Folder of the model that the rows were replayed through.
        transform_graph: Folder of Transform's own graph; "" where it is not at hand.
        num_rows: Rows of the log.
        num_transformed: Of these, rows whose transformed features were compared; the
            log keeps those of a share of the rows.
        num_outputs: Rows whose outputs were compared.
        num_differing: Rows of which a transformed feature or an output differs from
            what `replayed_on` makes of them.
        files: Files that are not what the contract says.
        columns: Columns that differ, those with most rows first.
        not_compared: What could not be compared and why, in sentences.
    """

    version: int
    bundle_digest: str
    bundle: str
    replayed_on: str
    transform_graph: str = ""
    num_rows: int = 0
    num_transformed: int = 0
    num_outputs: int = 0
    num_differing: int = 0
    files: tuple[FileDifference, ...] = ()
    columns: tuple[ColumnDifference, ...] = ()
    not_compared: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether no file and no compared value differs."""
        return not self.files and not self.columns


@dataclass(frozen=True, kw_only=True, slots=True)
class UnprovenRows:
    """Rows that could not be replayed at all.

    Attributes:
        reason: Why, in a sentence.
        num_rows: How many.
    """

    reason: str
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SkewProof:
    """The whole answer.

    Attributes:
        model: The model's name.
        created_at: ISO 8601, UTC.
        bundles: One for each bundle that answered rows, by version.
        unproven: Rows of bundles that are not here.
        wall_s: Seconds it took, TensorFlow's import left out.
    """

    model: str
    created_at: str
    bundles: tuple[BundleProof, ...]
    unproven: tuple[UnprovenRows, ...] = ()
    wall_s: float = 0.0

    @property
    def num_rows(self) -> int:
        """Rows that were replayed."""
        return sum(bundle.num_rows for bundle in self.bundles)

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs; rows that could not be replayed do not count."""
        return all(bundle.is_equal for bundle in self.bundles)


def encode_proof(proof: SkewProof, **more: Any) -> str:
    """Returns the proof as JSON text; NaN and infinity as strings.

    Args:
        proof: The proof.
        more: Further fields of the document, as JSON has them.
    """
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "is_equal": proof.is_equal,
        "num_rows": proof.num_rows,
        **dataclasses.asdict(proof),
        **more,
    }
    plain = _plain(document)
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
