"""Policies that ask for one thing each, and what is decided by them."""

from pipeline.retraining.decision import decide
from pipeline.retraining.evidence import History
from pipeline.retraining.policy import DriftTrigger, QualityTrigger, RetrainingConfig
from tests.pipeline.retraining.cases import NOW, evidence, run

QUIET = RetrainingConfig(new_spans=None)
SPANS = RetrainingConfig(new_spans=1)
DRIFT = RetrainingConfig(
    new_spans=None, drift=DriftTrigger(min_impact=0.02, windows=2, of_last=3)
)
LOW_AUC = QualityTrigger(metric="auc", min=0.65)
QUALITY = RetrainingConfig(new_spans=None, quality=(LOW_AUC,))
ESTIMATED = RetrainingConfig(
    new_spans=None,
    quality=(QualityTrigger(metric="auc", min=0.65, allow_estimate=True),),
)
LOSS = RetrainingConfig(
    new_spans=None, quality=(QualityTrigger(metric="log_loss", max=0.5),)
)
MONDAYS = RetrainingConfig(new_spans=None, schedule="0 6 * * 1")
ONCE = History(runs=(run([1, 2]),))
BLESSED_2 = run([1, 2])
MORE = evidence([1, 2, 3])


def decided(policy, seen, history=ONCE, now=NOW):
    return decide(policy, seen, history, now)
