"""Some logged rows of one bundle, in the forms that its signatures take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from serving.bundle.contract import RawFeature
from serving.skew_proof.example_encoder import encode_examples, present_values

INPUTS, OUTPUTS, TRANSFORMED = "inputs", "outputs", "transformed"
COLUMNS = (
    "request_id",
    "row",
    "time",
    "version",
    "bundle_digest",
    "signature",
    INPUTS,
    OUTPUTS,
    TRANSFORMED,
)
"""What a proof reads of the prediction log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRows:
    """Some rows of the log.

    Attributes:
        table: pyarrow table [rows] with COLUMNS, in one chunk.
        features: The raw features of the bundle that answered them.
    """

    table: Any
    features: Sequence[RawFeature]

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def raw_columns(self) -> dict[str, Any]:
        """Returns raw feature to its pyarrow array [rows]; those that were logged."""
        fields = struct_fields(self.table[INPUTS])
        return {
            feature.name: fields[feature.name]
            for feature in self.features
            if feature.name in fields
        }

    def examples(self) -> npt.NDArray[Any]:
        """Returns the rows as serialized tf.Examples, object (bytes) [rows]."""
        return encode_examples(self.raw_columns(), self.features, self.num_rows)

    def named_tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the inputs of `serving_default`: see golden_batch.named_tensors."""
        columns = self.raw_columns()
        return {
            feature.name: _tensor(
                columns.get(feature.name, pa.nulls(self.num_rows)), feature
            )
            for feature in self.features
        }

    def raw_values(self, place: int, names: Sequence[str]) -> dict[str, Any]:
        """Returns some raw values of one row; None for missing."""
        columns = self.raw_columns()
        return {name: columns[name][place].as_py() for name in names if name in columns}


def _tensor(column: Any, feature: RawFeature) -> npt.NDArray[Any]:
    if feature.dtype == "string":
        texts = present_values(column, feature).fill_null(b"")
        return np.array(texts.to_pylist(), dtype=object)
    numbers = column.cast(pa.float64(), safe=False).fill_null(np.nan)
    return np.asarray(numbers.to_numpy(zero_copy_only=False)).astype(np.float32)


def struct_fields(column: Any) -> Mapping[str, Any]:
    """Returns a struct column's fields, null where the struct is null.

    Args:
        column: pyarrow chunked or plain array of a struct type; of the null type
            (nothing was logged) gives no fields.
    """
    array = column
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks)
    if not pa.types.is_struct(array.type):
        return {}
    return {
        field.name: pc.struct_field(array, place)
        for place, field in enumerate(array.type)
    }
