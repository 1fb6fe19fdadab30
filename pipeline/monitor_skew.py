"""Adds the proof of `slipway skew` to the reports of `slipway monitor`."""

from collections.abc import Callable
from pathlib import Path

from pipeline.serving_skew.skew_part import with_skew
from serving.lean_tensorflow import preload_tensorflow
from serving.monitoring.report_format import MonitorReport
from serving.prediction_log.log_reader import PredictionLog


def skew_adder(
    log: PredictionLog, model_dir: Path, num_rows: int
) -> Callable[[MonitorReport], MonitorReport]:
    """Returns a function that replays the newest rows and puts the result in a report.

    Args:
        log: Of the model.
        model_dir: {model_base_path}/{model_name}: each row's version is looked for.
        num_rows: At most so many rows a report.
    """
    preload_tensorflow()
    from serving.skew_proof.log_proof import ProofRequest, no_artifacts, prove_log

    request = ProofRequest(max_rows=num_rows)

    def add(report: MonitorReport) -> MonitorReport:
        proof = prove_log(log, model_dir, request, no_artifacts)
        return with_skew(report, proof)

    return add
