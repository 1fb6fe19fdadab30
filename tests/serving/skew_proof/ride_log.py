"""Writes the log of rides that a bundle's folder answered, as the server does."""

from datetime import UTC, datetime, timedelta

import numpy as np

from serving.bundle.contract import read_contract
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_reader import PredictionLog
from serving.prediction_log.log_writer import PredictionLogWriter
from serving.prediction_log.logged_request import LoggedModel, LoggedRequest
from serving.session_model import SessionModel
from tests.serving.tiny_rides import FEATURES, train_rows

NUM_RIDES = 300
_BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ride_columns(rides):
    """Returns named tensors of rides, NaN and "" for missing."""
    columns = dict(zip(FEATURES, zip(*rides, strict=True), strict=True))
    return {
        "miles": _numbers(columns["miles"]),
        "month": _numbers(columns["month"]),
        "carrier": np.array(
            [(text or "").encode() for text in columns["carrier"]], dtype=object
        ),
    }


def _numbers(values):
    return np.array([np.nan if one is None else one for one in values], np.float32)


def write_rides(bundle, log_dir, *, rides=None, change=None, **config):
    """Serves rides, seven a request, from a bundle's folder, and logs them.

    Args:
        bundle: The folder that is loaded.
        log_dir: Of the log.
        rides: See tiny_rides; 300 of them if left out.
        change: Takes and gives the outputs of a request before they are logged.
        config: Of LogConfig.
    """
    rides = train_rows()[:NUM_RIDES] if rides is None else rides
    sealed = read_contract(bundle)
    session = SessionModel(str(bundle))

    def transform(examples):
        inputs = {"examples": np.array(examples, dtype=object)}
        return session.call("transform_features", inputs)

    model = LoggedModel(
        name=sealed.contract.model.name,
        version=sealed.contract.model.version,
        bundle_digest=sealed.digest,
        contract=sealed.contract,
        transform=transform,
    )
    config = {"transformed_share": 1.0, **config}
    writer = PredictionLogWriter(LogConfig(log_dir=log_dir, **config))
    for number, start in enumerate(range(0, len(rides), 7)):
        inputs = ride_columns(rides[start : start + 7])
        outputs = session.call("serving_default", inputs)
        moment = _BEGAN + timedelta(seconds=number)
        taken = writer.offer(
            LoggedRequest(
                model=model,
                request_id=f"r{number}",
                rows=(inputs, change(outputs) if change else outputs),
                num_rows=len(inputs["miles"]),
                latency_s=0.001,
                answered_us=int(moment.timestamp() * 1e6),
            )
        )
        assert taken
    writer.close()
    session.close()
    return PredictionLog(log_dir, sealed.contract.model.name)
