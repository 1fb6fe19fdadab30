"""Event times as whole seconds since the epoch, whatever a file writes them as."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.spans import DataContractError


def epoch_seconds(values: pa.Array) -> np.ndarray:
    """Returns int64 [rows] seconds since the epoch, from timestamps or integers.

    Raises:
        DataContractError: The column is neither, or a value is missing.
    """
    if values.null_count:
        raise DataContractError(
            f"the event time is missing in {values.null_count:,} rows; a split by "
            "time needs it in every row. Fill it, or set data.split.by to hash."
        )
    if pa.types.is_timestamp(values.type):
        values = pc.cast(values, pa.timestamp("s", tz=values.type.tz), safe=False)
        return np.asarray(pc.cast(values, pa.int64()))
    if pa.types.is_integer(values.type):
        return np.asarray(pc.cast(values, pa.int64()))
    raise DataContractError(
        f"the event time has type {values.type}; expected a timestamp or whole "
        "seconds since the epoch."
    )
