"""Decides, before a row is scored, which rows go into which output file.

    _plan.json  {"format": "slipway-score-plan", "format_version": 1,
                 "bundle": {"name", "version", "digest"},
                 "options": {"output_format", "key", "keep", "on_bad_rows"},
                 "inputs": [{"path", "format", "size_bytes", "sha256"}, …],
                 "parts": [{"input", "start", "end", "first_row", "num_rows"}, …]}

The same bundle, files and options give the same plan, byte for byte, so that a run that
was killed can be taken up, and another job cannot be mixed into its output. The limit
of unknown values is no part of it: no output depends on it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serving.batch_scoring import csv_files, parquet_files, tfrecord_files
from serving.batch_scoring.csv_records import scan_csv
from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.input_files import FileFormat, InputFile
from serving.batch_scoring.slices import FileSlice
from serving.bundle.layout import sha256_of

FORMAT = "slipway-score-plan"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedInput:
    """An input file as it was when the plan was made.

    Attributes:
        file: The file.
        size_bytes: Its length.
        sha256: Of its bytes.
        mtime_ns: When it was written last; not in _plan.json, for a copy has another.
        slices: Its parts, at least one.
    """

    file: InputFile
    size_bytes: int
    sha256: str
    mtime_ns: int
    slices: tuple[FileSlice, ...]

    def require_unchanged(self) -> None:
        """Raises if the file is not the one that was planned with.

        Raises:
            InputRefusedError: Its size or its time of writing is another, or it is
                gone.
        """
        try:
            found = Path(self.file.path).stat()
        except FileNotFoundError as error:
            raise InputRefusedError(
                f"{self.file.path} was removed while it was scored. Score a copy that "
                "nobody changes."
            ) from error
        if (found.st_size, found.st_mtime_ns) != (self.size_bytes, self.mtime_ns):
            raise InputRefusedError(
                f"{self.file.path} was changed while it was scored: {found.st_size:,} "
                f"bytes now, {self.size_bytes:,} when the plan was made. Score a copy "
                "that nobody changes, with --overwrite."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One slice of one input, which becomes one output file.

    Attributes:
        index: From 0, over all inputs.
        source: Its input.
        slice: Which rows of it.
    """

    index: int
    source: PlannedInput
    slice: FileSlice

    @property
    def name(self) -> str:
        """Name of the output files, without their endings."""
        return f"part-{self.index:05d}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreOptions:
    """Those options that the output depends on.

    Attributes:
        output_format: "parquet" or "csv".
        key: Column that names a row.
        keep: More columns to copy.
        on_bad_rows: "fail" or "quarantine".
    """

    output_format: str
    key: str
    keep: tuple[str, ...]
    on_bad_rows: str


def plan_input(file: InputFile) -> PlannedInput:
    """Reads a file once, hashes it and cuts it into slices.

    Raises:
        InputRefusedError: It cannot be read, or changes meanwhile.
    """
    path = Path(file.path)
    before = path.stat()
    if file.format is FileFormat.CSV:
        layout = scan_csv(path)
        digest, slices = layout.sha256, csv_files.slice_file(layout)
    elif file.format is FileFormat.PARQUET:
        digest, slices = sha256_of(path), parquet_files.slice_file(path)
    else:
        digest, slices = sha256_of(path), tfrecord_files.slice_file()
    planned = PlannedInput(
        file=file,
        size_bytes=before.st_size,
        sha256=digest,
        mtime_ns=before.st_mtime_ns,
        slices=tuple(slices),
    )
    planned.require_unchanged()
    return planned


def list_parts(inputs: Sequence[PlannedInput]) -> list[Part]:
    """Returns every part, in the order of the inputs."""
    slices = [(source, part) for source in inputs for part in source.slices]
    return [
        Part(index=index, source=source, slice=part)
        for index, (source, part) in enumerate(slices)
    ]


def encode_plan(
    bundle: dict[str, Any], options: ScoreOptions, inputs: Sequence[PlannedInput]
) -> bytes:
    """Returns the bytes of _plan.json.

    Args:
        bundle: Name, version and digest.
        options: Of this scoring.
        inputs: In order.
    """
    places = {id(source): place for place, source in enumerate(inputs)}
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "bundle": bundle,
        "options": asdict(options),
        "inputs": [
            {
                "path": source.file.path,
                "format": source.file.format.value,
                "size_bytes": source.size_bytes,
                "sha256": source.sha256,
            }
            for source in inputs
        ],
        "parts": [
            {"input": places[id(part.source)], **asdict(part.slice)}
            for part in list_parts(inputs)
        ],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def describe_difference(found: bytes, expected: bytes) -> str:
    """Says in which field two plans differ first.

    Args:
        found: Bytes of the _plan.json there is; may be damaged.
        expected: Bytes of the plan that was made now.
    """
    try:
        before, now = json.loads(found), json.loads(expected)
    except ValueError:
        return "its _plan.json is no JSON"
    if not isinstance(before, dict):
        return "its _plan.json is no plan"
    for field in ("format", "format_version", "bundle", "options", "inputs"):
        if before.get(field) != now[field]:
            return f"{field} {_differing(before.get(field), now[field])}"
    return "the parts differ"


def _differing(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in now.items():
            if before.get(name) != value:
                return f"{name} was {before.get(name)!r} and is {value!r}"
    if isinstance(before, list) and isinstance(now, list):
        for one, other in zip(before, now, strict=False):
            if one != other:
                return f"{other['path']}: {_differing(one, other)}"
        return f"were {len(before)} files and are {len(now)}"
    return f"was {before!r} and is {now!r}"
