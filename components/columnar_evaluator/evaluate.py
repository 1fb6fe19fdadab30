"""The Beam pipeline: files to tallies, tallies to metrics, metrics to TFMA's files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.utils.shared import Shared

from components.columnar_evaluator.count_rows import (
    Tallies,
    count_file,
    merge_tallies,
)
from components.columnar_evaluator.metrics import build_computations, combiner_outputs
from components.columnar_evaluator.predict import LoadedModel, ModelPlan
from components.columnar_evaluator.write_result import write_result


class EmptyEvaluationError(ValueError):
    """There is no row to evaluate on."""


def evaluate(
    pipeline: beam.Pipeline,
    files: Sequence[str],
    eval_config: Any,
    model_paths: Mapping[str, str],
    output_uri: str,
) -> None:
    """Adds the evaluation to a pipeline; each file is one piece of work.

    Args:
        pipeline: Runs on leaving its `with` block.
        files: Gzipped TFRecords of tf.Examples.
        eval_config: tfma.EvalConfig that supported.check_config accepted, with the
            model names TFMA writes.
        model_paths: Model name to its SavedModel's folder.
        output_uri: Folder for TFMA's files.

    Raises:
        EmptyEvaluationError: The files hold no row. Raised by the running pipeline.
    """
    computations = build_computations(eval_config)
    plans = plan_models(eval_config, model_paths)
    feature_keys = [list(spec.feature_keys) for spec in eval_config.slicing_specs]
    metrics = (
        pipeline
        | "Files" >> beam.Create(sorted(files))
        | "SpreadFiles" >> beam.Reshuffle()
        | "CountRows" >> beam.ParDo(_CountRows(plans, feature_keys or [[]]))
        | "MergeCounts" >> beam.CombineGlobally(_MergeCounts())
        | "Slices" >> beam.FlatMap(_slices, computations.non_derived_computations)
        | "Derive" >> _derive(computations, eval_config)
        | "Publish" >> beam.MapTuple(_without_private)
        | "Gather" >> beam.combiners.ToList()
        | "Sort" >> beam.FlatMap(_sorted_slices)
    )
    write_result(metrics, eval_config, model_paths, output_uri)


def plan_models(eval_config: Any, model_paths: Mapping[str, str]) -> list[ModelPlan]:
    """Returns how each model of the config is run."""
    return [
        ModelPlan(
            name=spec.name,
            path=model_paths[spec.name],
            signature_name=spec.signature_name,
            prediction_key=spec.prediction_key,
            label_key=spec.label_key,
        )
        for spec in eval_config.model_specs
    ]


class _CountRows(beam.DoFn):
    """Counts the rows of each file; models are loaded once a process."""

    def __init__(
        self, plans: Sequence[ModelPlan], feature_keys: Sequence[Sequence[str]]
    ) -> None:
        self._plans = plans
        self._feature_keys = feature_keys
        self._shared = Shared()
        self._models: Any = None

    def setup(self) -> None:
        self._models = self._shared.acquire(lambda: _Models(self._plans))

    def process(self, path: str) -> Iterator[Tallies]:
        yield count_file(path, self._models.by_plan, self._feature_keys)


class _Models:
    """The loaded models; a class of its own because Shared keeps a weak reference."""

    def __init__(self, plans: Sequence[ModelPlan]) -> None:
        self.by_plan = {plan: LoadedModel(plan) for plan in plans}


class _MergeCounts(beam.CombineFn):
    """Adds up tallies."""

    def create_accumulator(self) -> Tallies:
        return {}

    def add_input(self, accumulator: Tallies, element: Tallies) -> Tallies:
        return merge_tallies([accumulator, element])

    def merge_accumulators(self, accumulators: Iterable[Tallies]) -> Tallies:
        return merge_tallies(accumulators)

    def extract_output(self, accumulator: Tallies) -> Tallies:
        return accumulator


def _slices(tallies: Tallies, computations: Any) -> Iterator[tuple[Any, Any]]:
    if not tallies:
        raise EmptyEvaluationError("the split to evaluate on holds no row.")
    for key, by_model in tallies.items():
        yield key, combiner_outputs(computations, by_model)


def _derive(computations: Any, eval_config: Any) -> beam.PTransform:
    """Returns TFMA's own step from combiner outputs to metrics and differences."""
    from tensorflow_model_analysis.evaluators import (
        metrics_plots_and_validations_evaluator as tfma_evaluator,
    )

    baselines = [spec.name for spec in eval_config.model_specs if spec.is_baseline]
    # Private: v0.52 has no public function that computes from combiner outputs.
    return tfma_evaluator._AddDerivedCrossSliceAndDiffMetrics(
        computations.derived_computations,
        computations.cross_slice_computations,
        [],
        baselines[0] if baselines else None,
    )


def _without_private(key: Any, metrics: Mapping[Any, Any]) -> tuple[Any, Any]:
    """Drops what TFMA names with a leading underscore: its intermediate results."""
    return key, {
        name: value
        for name, value in metrics.items()
        if not name.name.startswith("_") or name.name.startswith("__")
    }


def _sorted_slices(slices: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Returns the slices by key, so that the file does not depend on the runner."""
    return sorted(
        slices, key=lambda part: [(name, str(value)) for name, value in part[0]]
    )
