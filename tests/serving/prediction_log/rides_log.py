"""Rides as a server hands them to the log, and a contract for them."""

import numpy as np

from serving.bundle.contract import (
    CodeRevision,
    Contract,
    DataOrigin,
    Evaluation,
    LabelContract,
    ModelIdentity,
    RawFeature,
    RunOrigin,
    SignatureContract,
    TensorContract,
    TransformedFeature,
)
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_reader import PredictionLog
from serving.prediction_log.log_writer import PredictionLogWriter
from serving.prediction_log.logged_request import (
    NO_FACTS,
    LoggedBatch,
    LoggedModel,
    LoggedRequest,
)

FEATURES = (
    RawFeature(name="miles", dtype="float32", example_type="FLOAT", missing="NaN"),
    RawFeature(name="month", dtype="float32", example_type="INT", missing="NaN"),
    RawFeature(name="carrier", dtype="string", example_type="BYTES", missing=""),
)


def _tensors(**dtypes):
    return tuple(
        TensorContract(name=name, dtype=dtype, shape=(-1,))
        for name, dtype in dtypes.items()
    )


CONTRACT = Contract(
    model=ModelIdentity(
        name="rides", version=1, pushed_at="2026-01-02T03:04:05+00:00", model_digest="0"
    ),
    run=RunOrigin(
        pipeline="rides", run_id="r", code=CodeRevision(commit=None, is_modified=None)
    ),
    data=DataOrigin(spans=(), num_train_rows=1, num_eval_rows=1, num_unlabelled_rows=0),
    key="ride_id",
    label=LabelContract(name="is_late", classes=("on_time", "late")),
    raw_features=FEATURES,
    transformed_features=(
        TransformedFeature(name="carrier_xf", dtype="int64"),
        TransformedFeature(name="miles_x_month_xf", dtype="float32"),
        TransformedFeature(name="miles_xf", dtype="float32"),
    ),
    signatures={
        "serving_default": SignatureContract(
            inputs=_tensors(carrier="string", miles="float32", month="float32"),
            outputs=_tensors(label="string", probability="float32"),
        ),
        "transform_features": SignatureContract(
            inputs=_tensors(examples="string"),
            outputs=_tensors(
                carrier_xf="int64", miles_x_month_xf="float32", miles_xf="float32"
            ),
        ),
    },
    schema_fingerprint="0",
    library_versions={},
    evaluation=Evaluation(verdict="blessed", confidence=0.95, metrics=(), checks=()),
)
RIDES = LoggedModel(name="rides", version=1, bundle_digest="d1", contract=CONTRACT)


def texts(*values):
    """An array of bytes, as the server has text."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def rides(miles, month=None, carrier=None):
    """Inputs and outputs of as many rows as there are miles."""
    rows = len(miles)
    inputs = {
        "miles": np.array(miles, np.float32),
        "month": np.array([7] * rows if month is None else month, np.float32),
        "carrier": texts(*([b"UA"] * rows if carrier is None else carrier)),
    }
    outputs = {
        "probability": np.linspace(0, 1, rows, dtype=np.float32),
        "label": texts(*[b"late"] * rows),
    }
    return inputs, outputs


def ride(request_id="r", rows=None, *, model=RIDES, facts=NO_FACTS, **other):
    """One request; of one row where rows are not given."""
    rows = rides([12.5]) if rows is None else rows
    num_rows = other.pop("num_rows", None) or len(rows[0]["miles"])
    return LoggedRequest(
        model=model,
        request_id=request_id,
        rows=rows,
        num_rows=num_rows,
        latency_s=0.002,
        facts=facts,
        **other,
    )


def shared(request_ids, first_rows, sizes, rows):
    """Requests that ran as one."""
    return LoggedBatch(
        model=RIDES,
        signature="serving_default",
        rows=rows,
        answered_us=1_700_000_000_000_000,
        request_ids=request_ids,
        latencies_s=[0.001] * len(request_ids),
        first_rows=first_rows,
        sizes=sizes,
    )


def written(log_dir, requests, **settings):
    """The log after a writer took these and was closed."""
    writer = PredictionLogWriter(LogConfig(log_dir=log_dir, **settings))
    for request in requests:
        is_batch = isinstance(request, LoggedBatch)
        assert writer.offer_batch(request) if is_batch else writer.offer(request)
    writer.close()
    return PredictionLog(log_dir, "rides")


def rows_of(log, **query):
    """The rows of a log as dictionaries."""
    return log.read(**query).to_pylist()
