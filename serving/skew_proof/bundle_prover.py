"""Compares the logged rows of one bundle, batch by batch, and says what differed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import read_golden_batch
from serving.session_model import EXAMPLES_SIGNATURE, NAMED_SIGNATURE
from serving.skew_proof.column_tally import ColumnTally
from serving.skew_proof.feature_inputs import feature_inputs
from serving.skew_proof.logged_rows import (
    INPUTS,
    OUTPUTS,
    TRANSFORMED,
    LoggedRows,
    struct_fields,
)
from serving.skew_proof.proof_report import BundleProof, ColumnDifference, WorstRow
from serving.skew_proof.reference import Reference
from serving.skew_proof.replays import BundleReplay, Replay
from serving.skew_proof.shared_values import SharedValues
from serving.skew_proof.transform_graph import TransformGraphReplay
from serving.skew_proof.vocabulary_cause import infer_line, read_vocabularies

BATCH_ROWS = 8192
"""Rows of a replay; larger ones gain nothing."""

Mask = npt.NDArray[np.bool_]
_SERVING = pa.array([NAMED_SIGNATURE, EXAMPLES_SIGNATURE])
_Key = tuple[str, str, str]


class BundleProver:
    """Holds the rows of one bundle against its reference."""

    def __init__(self, reference: Reference) -> None:
        """Loads the models.

        Args:
            reference: What the rows are held against.

        Raises:
            ModelRefusedError: One cannot be loaded.
        """
        self._reference = reference
        self._contract = reference.sealed.contract
        self._bundle = BundleReplay(str(reference.model_dir), reference.name)
        self._replays: list[Replay] = [self._bundle]
        if reference.transform_graph is not None:
            self._replays.append(TransformGraphReplay(reference.transform_graph))
        self._masked: set[str] = set()
        self._made_of: Mapping[str, Sequence[str]] | None = None
        self._tallies: dict[_Key, ColumnTally] = {}
        self._worst: dict[_Key, WorstRow] = {}
        self._num_rows = self._num_transformed = self._num_outputs = 0
        self._num_differing = 0
        self._shared = SharedValues()

    def add(self, table: Any) -> None:
        """Replays and compares some rows.

        Args:
            table: pyarrow table with logged_rows.COLUMNS.

        Raises:
            ModelRefusedError: The model fails on them.
        """
        self._num_rows += table.num_rows
        table = table.combine_chunks()
        is_differing = np.zeros(table.num_rows, dtype=bool)
        if TRANSFORMED in table.column_names:
            is_logged = np.asarray(table[TRANSFORMED].combine_chunks().is_valid())
            self._num_transformed += int(is_logged.sum())
            self._compare(TRANSFORMED, table, is_logged, is_differing)
        is_served = np.asarray(_is_served(table) & self._has_inputs(table))
        self._num_outputs += int(is_served.sum())
        self._compare(OUTPUTS, table, is_served, is_differing)
        self._num_differing += int(is_differing.sum())

    def _has_inputs(self, table: Any) -> bool:
        """Tells whether outputs can be replayed: a masked input has no field."""
        logged = {field.name for field in table.schema.field(INPUTS).type}
        masked = set(self._contract.feature_names) - logged
        self._masked |= masked
        return not masked

    def _compare(self, part: str, table: Any, chosen: Mask, is_differing: Mask) -> None:
        """Compares the chosen rows and marks those that differ from the bundle."""
        places = np.flatnonzero(chosen)
        if not len(places):
            return
        rows = LoggedRows(
            table=table.take(places).combine_chunks(),
            features=self._contract.raw_features,
        )
        served = struct_fields(rows.table[part])
        for replay in self._replays:
            if part in replay.parts:
                differing = self._compare_with(replay, part, rows, served)
                if replay.name == self._bundle.name:
                    is_differing[places[differing]] = True
                    if part == OUTPUTS:
                        self._shared.add(rows, is_differing[places])

    def _compare_with(
        self, replay: Replay, part: str, rows: LoggedRows, served: Mapping[str, Any]
    ) -> list[int]:
        replayed = replay.run(part, rows)
        differing: set[int] = set()
        for column in sorted(served.keys() & replayed.keys()):
            key = (part, column, replay.name)
            tally = self._tallies.setdefault(key, ColumnTally())
            differing.update(tally.add(served[column], replayed[column]).tolist())
            if tally.worst_place is not None:
                self._worst[key] = self._row(rows, tally.worst_place, column, tally)
        return sorted(differing)

    def _row(
        self, rows: LoggedRows, place: int, column: str, tally: ColumnTally
    ) -> WorstRow:
        table = rows.table
        return WorstRow(
            request_id=str(table["request_id"][place].as_py()),
            row=int(table["row"][place].as_py()),
            time=table["time"][place].as_py().isoformat(),
            raw=rows.raw_values(place, self._inputs_of(column)),
            served=tally.served,
            replayed=tally.replayed,
        )

    def _inputs_of(self, column: str) -> Sequence[str]:
        """Returns the raw features of a column; all of them where nothing tells."""
        if self._made_of is None:
            self._made_of = self._try_inputs()
        return self._made_of.get(column, self._contract.feature_names)

    def _try_inputs(self) -> Mapping[str, Sequence[str]]:
        try:
            golden = read_golden_batch(self._reference.bundle)
        except BundleRefusedError:  # its file is among those told as changed
            return {}
        return feature_inputs(self._bundle, golden, self._contract.raw_features)

    def conclude(self) -> BundleProof:
        """Returns what was found, and gives the models' memory back."""
        for replay in self._replays:
            replay.close()
        reference = self._reference
        return BundleProof(
            version=self._contract.model.version,
            bundle_digest=reference.sealed.digest,
            bundle=str(reference.bundle),
            replayed_on=str(reference.model_dir),
            transform_graph=str(reference.transform_graph or ""),
            num_rows=self._num_rows,
            num_transformed=self._num_transformed,
            num_outputs=self._num_outputs,
            num_differing=self._num_differing,
            files=reference.files,
            columns=self._differences(),
            not_compared=tuple(self._not_compared()),
        )

    def _differences(self) -> tuple[ColumnDifference, ...]:
        found = [
            ColumnDifference(
                part=part,
                column=column,
                against=against,
                num_rows=tally.num_rows,
                num_differing=tally.num_differing,
                worst=self._worst[part, column, against],
                cause=self._cause(part, column, against),
            )
            for (part, column, against), tally in self._tallies.items()
            if tally.num_differing and not self._is_told(part, column, against)
        ]
        return tuple(
            sorted(
                found,
                key=lambda one: (
                    one.part != TRANSFORMED,
                    -one.num_differing,
                    one.column,
                ),
            )
        )

    def _is_told(self, part: str, column: str, against: str) -> bool:
        """Tells whether the bundle's own replay says the same already."""
        own = self._bundle.name
        return against != own and self._differs((part, column, own))

    def _cause(self, part: str, column: str, against: str) -> str:
        if part == OUTPUTS:
            return self._outputs_cause()
        key = (part, column, against)
        if against != self._bundle.name:
            return (
                "the model folder was changed after the run: its own transform gives "
                "what was served, the run's graph does not"
            )
        pairs = self._tallies[key].pairs
        if not pairs:
            return ""
        worst = self._worst[key]
        return infer_line(
            read_vocabularies(self._reference.model_dir),
            pairs,
            worst.raw,
            (worst.served, worst.replayed),
        )

    def _outputs_cause(self) -> str:
        if any(self._differs(key) for key in self._tallies if key[0] == TRANSFORMED):
            return "it follows from the transformed features that differ"
        if self._num_transformed:
            return (
                "no transformed feature differs, so the weights or the graph behind "
                "the transform are others where it was served"
            )
        return self._shared.cause(read_vocabularies(self._reference.model_dir))

    def _differs(self, key: _Key) -> bool:
        return key in self._tallies and self._tallies[key].num_differing > 0

    def _not_compared(self) -> list[str]:
        told = []
        if not self._num_transformed:
            told.append(
                f"the log keeps transformed features of none of the {self._num_rows:,} "
                "rows; serve with --prediction_log_transformed_share above 0."
            )
        else:
            wanted = {one.name for one in self._contract.transformed_features}
            missing = sorted(wanted - {column for _, column, _ in self._tallies})
            if missing:
                told.append(f"the log does not keep {', '.join(missing)}.")
        if self._masked:
            told.append(
                f"the log masks {', '.join(sorted(self._masked))}, so outputs cannot "
                "be replayed."
            )
        return told


def _is_served(table: Any) -> Mask:
    """Tells which rows asked for the outputs that `serving_default` gives."""
    signatures = table["signature"].combine_chunks().cast(pa.string())
    return np.asarray(pc.is_in(signatures, value_set=_SERVING))
