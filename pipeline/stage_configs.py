"""The settings of each stage: one frozen dataclass a stage, each checks its ranges.

Errors name the setting relative to the dataclass; settings_loader puts the dotted
path in front.
"""

from dataclasses import dataclass, field
from typing import Any

from pipeline.data_config import DataConfig, SpanRange, SplitConfig
from pipeline.setting_checks import (
    require,
    require_at_least,
    require_choice,
    require_fraction,
)
from pipeline.settings_loader import did_you_mean

__all__ = [
    "DataConfig",
    "DeploymentConfig",
    "EvaluationConfig",
    "SpanRange",
    "SplitConfig",
    "Threshold",
    "TrainConfig",
    "TransformConfig",
    "TuneConfig",
    "ValidationConfig",
    "require",
    "require_at_least",
]

# Our metric names and the TFMA classes that compute them. Every run computes all of
# them: they share one pass, and intervals need the counts and the mean label.
METRICS = {
    "auc": "AUC",
    "auc_precision_recall": "AUCPrecisionRecall",
    "binary_accuracy": "BinaryAccuracy",
    "binary_crossentropy": "BinaryCrossEntropy",
    "calibration": "Calibration",
    "example_count": "ExampleCount",
    "mean_label": "MeanLabel",
    "mean_prediction": "MeanPrediction",
}

# Where a new version goes: TF Serving's folder, or beside it.
PUSH_PLACES = ("served", "held")

# serving.bundle.golden_batch.MAX_ROWS, which is not light enough to import here.
MAX_GOLDEN_ROWS = 256

# What AnomalyGate tells apart; see components/anomaly_gate/README.md.
ANOMALY_KINDS = (
    "missing_column",
    "wrong_type",
    "too_many_missing",
    "out_of_domain",
    "out_of_range",
    "new_column",
    "drift",
    "other",
)
SEVERITIES = ("stop", "warn", "ignore")


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationConfig:
    """What the data must look like, and what stops a run.

    Attributes:
        schema: The curated schema, a TensorFlow Metadata `schema.pbtxt`.
        severities: Anomaly kind to "stop", "warn" or "ignore"; kinds not named keep
            the default.
        max_out_of_domain_fraction: Share of a feature's values outside its domain
            or range from which on they stop the run, in [0, 1]. The schema's own
            `min_domain_mass` only decides what is reported.
    """

    schema: str
    severities: dict[str, str] = field(default_factory=dict)
    max_out_of_domain_fraction: float = 0.01

    def __post_init__(self) -> None:
        for kind, severity in self.severities.items():
            require_choice("severities", kind, ANOMALY_KINDS)
            require_choice(f"severities.{kind}", severity, SEVERITIES)
        fraction = self.max_out_of_domain_fraction
        require(
            0 <= fraction <= 1,
            f"max_out_of_domain_fraction is {fraction!r}; "
            "expected a fraction from 0 to 1.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformConfig:
    """The preprocessing that becomes part of the model.

    Attributes:
        preprocessing_fn: Dotted path of the TFT function.
    """

    preprocessing_fn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """One training run.

    Attributes:
        run_fn: Dotted path of the training function.
        features: Dotted module with FEATURE_KEYS and LABEL_KEY.
        batch_size: Rows a step.
        max_epochs: Passes over the training rows at most.
        patience_epochs: Epochs without a better hold-out before it stops.
        learning_rate: Step size, > 0.
        holdout_fraction: Share of the training split kept aside for early
            stopping, in (0, 1). The eval split is never looked at.
        class_weight: "none" or "balanced".
        warm_start: Start from the weights of the newest blessed model that was
            trained on other rows, as far as they fit. Needs a `run_fn` that reads
            `fn_args.base_model`.
        hyperparameters: Passed on to run_fn as they are.
    """

    run_fn: str
    features: str
    batch_size: int = 512
    max_epochs: int = 10
    patience_epochs: int = 2
    learning_rate: float = 0.001
    holdout_fraction: float = 0.05
    class_weight: str = "none"
    warm_start: bool = False
    hyperparameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_at_least("batch_size", self.batch_size, 1)
        require_at_least("max_epochs", self.max_epochs, 1)
        require_at_least("patience_epochs", self.patience_epochs, 0)
        require(
            self.learning_rate > 0,
            f"learning_rate is {self.learning_rate!r}; expected more than 0.",
        )
        require_fraction("holdout_fraction", self.holdout_fraction)
        require_choice("class_weight", self.class_weight, ("none", "balanced"))


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneConfig:
    """The search for hyperparameters, off by default.

    Attributes:
        enabled: Search before training.
        tuner_fn: Dotted path of the search function.
        max_trials: Trials at most.
    """

    enabled: bool = False
    tuner_fn: str | None = None
    max_trials: int = 8

    def __post_init__(self) -> None:
        require_at_least("max_trials", self.max_trials, 1)
        require(
            not self.enabled or self.tuner_fn is not None,
            "tuner_fn is missing; tuning is enabled and needs it.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """One thing a model must reach before it is pushed.

    Attributes:
        metric: One of METRICS.
        min: The value must be at least this. None: no lower bound.
        max: The value must be at most this. None: no upper bound.
        max_decrease: The value may be at most this much below the baseline's.
        max_increase: The value may be at most this much above the baseline's.
        slice: A column of evaluation.slices: the bound holds for each of its
            values. None: all rows together.
        min_examples: Slice values with fewer rows are not judged.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    max_decrease: float | None = None
    max_increase: float | None = None
    slice: str | None = None
    min_examples: int = 1

    def __post_init__(self) -> None:
        require_choice("metric", self.metric, tuple(METRICS))
        bounds = (self.min, self.max, self.max_decrease, self.max_increase)
        require(
            any(bound is not None for bound in bounds),
            f"metric {self.metric!r} has no bound; "
            "give min, max, max_decrease or max_increase.",
        )
        for name in ("max_decrease", "max_increase"):
            value = getattr(self, name)
            require(
                value is None or value >= 0,
                f"{name} is {value!r}; expected at least 0.",
            )
        require_at_least("min_examples", self.min_examples, 1)
        require(
            self.min is None or self.max is None or self.min <= self.max,
            f"min is {self.min!r}, above max {self.max!r}: no value can pass.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig:
    """How a model is judged.

    Attributes:
        slices: Columns of the data whose values are looked at one by one.
        thresholds: At least one; all must hold.
        confidence: Level of the intervals, in (0, 1).
    """

    slices: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...]
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require(
            len(self.thresholds) > 0,
            "thresholds is empty; without one every model would be pushed. "
            "Add for example {metric: auc, min: 0.6}.",
        )
        require_fraction("confidence", self.confidence)
        require(
            len(set(self.slices)) == len(self.slices),
            f"slices is {', '.join(self.slices)}; expected each column once.",
        )
        for index, threshold in enumerate(self.thresholds):
            wanted = threshold.slice
            require(
                wanted is None or wanted in self.slices,
                f"thresholds[{index}].slice is {wanted!r}, which is not one of "
                f"slices: {', '.join(self.slices) or 'none'}."
                f"{did_you_mean(wanted or '', self.slices)}",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentConfig:
    """Where a model goes that passed everything.

    Attributes:
        model_base_path: TF Serving's base folder: `{model_base_path}/{name}/{version}`.
        golden_rows: Real rows at most, 1 to 256, that travel with the model: whoever
            loads it replays them.
        server_binary: Path of the tensorflow_model_server that the model is tried in.
            None: the one on PATH, else our own server.
        push: "served": the new version is served from then on. "held": it lies in
            `{model_base_path}/{name}/held/{version}`, where no server looks, for a
            rollout or `slipway promote`.
    """

    model_base_path: str
    golden_rows: int = 256
    server_binary: str | None = None
    push: str = "served"

    def __post_init__(self) -> None:
        require_choice("push", self.push, PUSH_PLACES)
        require_at_least("golden_rows", self.golden_rows, 1)
        require(
            self.golden_rows <= MAX_GOLDEN_ROWS,
            f"golden_rows is {self.golden_rows!r}; expected at most {MAX_GOLDEN_ROWS}.",
        )
