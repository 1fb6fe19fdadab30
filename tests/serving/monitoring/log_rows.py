"""Logs and references of a few made-up rows."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from serving.batch_scoring.row_rules import FeatureRule
from serving.monitoring.feature_space import CategorySpace, NumericSpace
from serving.monitoring.reference import MonitorReference, from_counts
from serving.monitoring.row_reference import rows_reference

START = datetime(2013, 4, 1, tzinfo=UTC)
HOUR = 3_600_000_000


def log_table(inputs, *, probability=None, hours=None, version=1, label=None):
    """Returns what PredictionLog.read returns, of these columns.

    Args:
        inputs: Feature to values.
        probability: One a row; None: the log has no outputs.
        hours: Hours since START, one a row; None: all rows are of the first hour.
        version: One for all, or one a row.
        label: One a row; None: the log has no labels.
    """
    arrays = {name: pa.array(values) for name, values in inputs.items()}
    num_rows = len(next(iter(arrays.values())))
    start = int(START.timestamp()) * 1_000_000
    micros = start + (np.zeros(num_rows) if hours is None else np.asarray(hours)) * HOUR
    times = pa.array(micros.astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))
    columns = {
        "time": times,
        "event_time": times,
        "version": pa.array(np.broadcast_to(np.int64(version), num_rows)),
        "inputs": pa.StructArray.from_arrays(list(arrays.values()), list(arrays)),
    }
    if probability is not None:
        values = pa.array(np.asarray(probability, np.float32), from_pandas=True)
        columns["outputs"] = pa.StructArray.from_arrays([values], ["probability"])
    if label is not None:
        columns["label"] = pa.array(label)
    return pa.table(columns)


def reference_of(inputs, **more):
    """Returns the reference that rows are; a number's range is its own."""
    features = {}
    for name, values in inputs.items():
        column = pa.array(values)
        if pa.types.is_string(column.type):
            space = CategorySpace(values=(), is_complete=True)
        else:
            known = [value for value in values if value is not None]
            space = NumericSpace(
                edges=np.array([np.inf], np.float32), low=min(known), high=max(known)
            )
        empty = from_counts(name, space, np.zeros(space.num_codes))
        features[name] = rows_reference(empty, column)
    facts = {"model": "rides", "version": 1, "bundle_digest": "", "source": "training"}
    return MonitorReference(features=features, **{**facts, **more})


def text_rule(name):
    """A text without limits."""
    return FeatureRule(name=name, is_text=True, is_required=False)


def number_rule(name, low=-np.inf, high=np.inf):
    """A number between limits."""
    return FeatureRule(name=name, is_text=False, is_required=False, low=low, high=high)


def named_tests(finding, about=None):
    """Returns a finding's tests by name, those that speak of one thing."""
    return {test.name: test for test in finding.tests if about in (None, test.about)}
