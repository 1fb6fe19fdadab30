"""Compares the distributions of a log's newest rows with their bundle's training."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.serving_skew.compare_statistics import (
    Distributions,
    compare_with_training,
)
from pipeline.serving_skew.logged_statistics import describe_log
from serving.prediction_log.log_reader import PredictionLog
from serving.skew_proof.log_proof import ProofRequest, newest_rows
from serving.skew_proof.logged_rows import INPUTS
from serving.skew_proof.reference import find_bundles


def measure_distributions(
    log: PredictionLog, model_dir: Path, request: ProofRequest
) -> Distributions | None:
    """Compares the rows of one bundle, that of the newest row, with its training.

    Args:
        log: Of the model.
        model_dir: `{model_base_path}/{model_name}`.
        request: Which rows; without a version, those of the newest row's.

    Returns:
        None where that bundle is not here.

    Raises:
        NothingLoggedError: No row is asked for.
        BundleRefusedError: The bundle's schema cannot be read.
    """
    columns = (INPUTS, "version", "bundle_digest")
    digest = ""
    for table in newest_rows(log, request, columns):
        digest = table["bundle_digest"][-1].as_py()
    known = find_bundles(model_dir).by_digest.get(digest)
    if known is None:
        return None
    bundle, sealed = known
    tables = (
        table.filter(pc.equal(table["bundle_digest"].cast(pa.string()), digest))
        for table in newest_rows(log, request, columns)
    )
    return compare_with_training(
        bundle, describe_log(tables, sealed.contract.raw_features)
    )
