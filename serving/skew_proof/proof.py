"""Proves, for logged rows, that what was served is what the bundle makes of them.

Training-serving skew is mostly code or files: a vocabulary that was copied badly, a
constant of another version, a second implementation of a feature. Distributions show
such a fault where it is large. Here each row is computed again and must come out the
same: ids and texts exactly, floats within column_tally.TOLERANCE.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from serving.skew_proof.bundle_prover import BATCH_ROWS, BundleProver
from serving.skew_proof.proof_report import SkewProof, UnprovenRows
from serving.skew_proof.reference import Bundles, Reference

OpenReference = Callable[[str], Reference]
OnRows = Callable[[int], None]


class _Group:
    """The rows of one digest that wait for a full batch."""

    def __init__(self, reference: Reference) -> None:
        self._prover = BundleProver(reference)
        self._waiting: list[Any] = []
        self._num_waiting = 0

    def add(self, table: Any) -> None:
        self._waiting.append(table)
        self._num_waiting += table.num_rows
        if self._num_waiting >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._num_waiting:
            return
        # Files of one bundle differ in their columns where a feature never came.
        table = pa.concat_tables(self._waiting, promote_options="permissive")
        self._waiting, self._num_waiting = [], 0
        for start in range(0, table.num_rows, BATCH_ROWS):
            self._prover.add(table.slice(start, BATCH_ROWS))

    def conclude(self) -> Any:
        self._flush()
        return self._prover.conclude()


def prove_skew(
    model: str,
    tables: Iterable[Any],
    bundles: Bundles,
    open_reference: OpenReference,
    on_rows: OnRows | None = None,
) -> SkewProof:
    """Replays logged rows and compares them with what was served.

    Memory holds a batch of each bundle and its models, however long the log is.

    Args:
        model: The model's name.
        tables: pyarrow tables or batches with logged_rows.COLUMNS, of any sizes.
        bundles: Those that are here.
        open_reference: From a digest of `bundles` to what to hold its rows against.
        on_rows: Told how many rows have been read so far.

    Raises:
        ModelRefusedError: A reference cannot be loaded, or fails on a row.
        BundleRefusedError: A bundle's folder holds links or devices.
    """
    started = time.monotonic()
    groups: dict[str, _Group] = {}
    unproven: Counter[str] = Counter()
    num_read = 0
    for table in tables:
        for digest, part in _by_digest(table):
            if digest not in bundles.by_digest:
                version = part["version"][0].as_py()
                unproven[bundles.why_unknown(digest, version)] += part.num_rows
                continue
            if digest not in groups:
                groups[digest] = _Group(open_reference(digest))
            groups[digest].add(part)
        num_read += table.num_rows
        if on_rows is not None:
            on_rows(num_read)
    proofs = [group.conclude() for group in groups.values()]
    return SkewProof(
        model=model,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        bundles=tuple(sorted(proofs, key=lambda proof: proof.version)),
        unproven=tuple(
            UnprovenRows(reason=reason, num_rows=count)
            for reason, count in unproven.items()
        ),
        wall_s=round(time.monotonic() - started, 3),
    )


def _by_digest(table: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    digests = pc.fill_null(table["bundle_digest"].cast(pa.string()), "")
    for digest in pc.unique(digests).to_pylist():
        yield digest, table.filter(pc.equal(digests, digest))
