"""The features as the network sees them, for a share of the requests.

Which requests is drawn at random: a hash of every id would cost more than all the rest
of writing a row.

The writer's own thread runs `transform_features` in the session that serves: what a
request waits for is not touched. A masked input is missing there, as it is in the log:
a transformed feature that is made of it and of others tells nothing of it, and
replaying the logged rows gives the same values.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.prediction_log.example_rows import examples_of
from serving.prediction_log.log_schema import LogSchema
from serving.prediction_log.logged_request import Columns, LoggedModel
from serving.prediction_log.merged_requests import MergedRequests

_LOG = logging.getLogger(__name__)
_ROWS_A_CALL = 256
_RANDOM = np.random.default_rng()


def transformed_rows(
    model: LoggedModel,
    schema: LogSchema,
    inputs: Mapping[str, Any],
    requests: MergedRequests,
    share: float,
) -> tuple[npt.NDArray[np.int64], Columns]:
    """Returns which rows were transformed, and their features [those rows, …].

    Args:
        model: Whose graph it is.
        schema: Names the inputs that are not masked.
        inputs: Raw features [rows].
        requests: Of the rows.
        share: Of the requests, 0 to 1.

    Returns:
        No columns where no row is chosen, or the version is not loaded any more.
    """
    chosen = _chosen(requests, share)
    if not len(chosen) or model.transform is None or model.contract is None:
        return chosen, {}
    features = [
        feature
        for feature in model.contract.raw_features
        if feature.name in schema.inputs
    ]
    found: list[Columns] = []
    try:
        for first in range(0, len(chosen), _ROWS_A_CALL):
            rows = chosen[first : first + _ROWS_A_CALL]
            found.append(model.transform(examples_of(inputs, features, rows)))
    except Exception:  # noqa: BLE001 - the rows are logged without it
        _LOG.exception("transform_features of %s %d failed", model.name, model.version)
        return chosen, {}
    if not all(found):
        return chosen, {}
    return chosen, {
        name: np.concatenate([part[name] for part in found]) for name in found[0]
    }


def _chosen(requests: MergedRequests, share: float) -> npt.NDArray[np.int64]:
    if share <= 0:
        return np.empty(0, np.int64)
    is_chosen = _RANDOM.random(len(requests.request_ids)) < share
    return np.flatnonzero(requests.repeated(is_chosen))
