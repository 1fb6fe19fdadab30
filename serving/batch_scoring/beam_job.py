"""Runs the parts on a Beam engine.

An element is a part's description, its result lies in the output folder: no engine ever
holds rows, and one that tries a part twice writes the same files twice. A refusal is
written to a file, for what a worker raises comes back as another error's text on every
engine, and some try it again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

from serving.batch_scoring import output_folder, part_files
from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.plan import Part
from serving.batch_scoring.score_part import ScoreJob, count_part, score_part
from serving.bundle.errors import BundleRefusedError
from serving.input_statistics import CategoryCounts, TrainingFeature, merge_counts
from serving.session_model import ModelRefusedError, SessionModel

# Beam's own choice downloads a Go program.
DEFAULT_RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"

Counts = dict[str, CategoryCounts]


class _Guarded(beam.DoFn):
    """Does nothing once a part has been refused; writes a refusal down."""

    def __init__(self, output: str) -> None:
        self._refused = output + "/" + output_folder.REFUSED

    def process(self, element: Part) -> Iterator[Any]:
        """Yields what work yields, or nothing."""
        if Path(self._refused).exists():
            return
        try:
            yield from self.work(element)
        except (InputRefusedError, ModelRefusedError) as error:
            is_input = isinstance(error, InputRefusedError)
            text = json.dumps({"is_input": is_input, "message": str(error)})
            path = Path(self._refused) / f"{element.name}.json"
            part_files.write_file(path, text.encode())

    def work(self, part: Part) -> Iterator[Any]:
        """Does the work of one part."""
        raise NotImplementedError


class _CountUnknown(_Guarded):
    def __init__(self, output: str, training: Mapping[str, TrainingFeature]) -> None:
        super().__init__(output)
        self._training = training

    def work(self, part: Part) -> Iterator[Counts]:
        yield count_part(part, self._training)


class _Score(_Guarded):
    """Scores parts; the model is loaded once a process."""

    def __init__(self, job: ScoreJob, shared: Shared) -> None:
        super().__init__(job.output)
        self._job, self._shared = job, shared

    def setup(self) -> None:
        self._model = self._shared.acquire(
            lambda: SessionModel(self._job.bundle), tag=self._job.digest
        )

    def work(self, part: Part) -> Iterator[int]:
        if part_files.read_result(Path(self._job.output), part.name) is None:
            score_part(self._job, part, self._model)
        yield part.index


def _merge(counts: Iterable[Counts]) -> Counts:
    return merge_counts(counts)


class _WriteCounts(beam.DoFn):
    def __init__(self, path: str) -> None:
        self._path = path

    def process(self, element: Counts) -> None:
        document = {
            name: {
                "num_values": counts.num_values,
                "num_unknown": counts.num_unknown,
                "examples": dict(counts.examples),
            }
            for name, counts in sorted(element.items())
        }
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        part_files.write_file(Path(self._path), text.encode())


def count_unknown_values(
    output: Path,
    parts: Sequence[Part],
    training: Mapping[str, TrainingFeature],
    beam_args: Sequence[str],
) -> Counts:
    """Counts unknown values of all parts, unless the output folder has the counts.

    Raises:
        InputRefusedError: A part cannot be read.
    """
    path = output / output_folder.UNKNOWN
    known = {
        name: feature
        for name, feature in training.items()
        if feature.categories is not None
    }
    if not path.exists():
        with beam.Pipeline(options=_options(beam_args)) as pipeline:
            _ = (
                pipeline
                | "Parts" >> beam.Create(list(parts))
                | "Spread" >> beam.Reshuffle()
                | "Count" >> beam.ParDo(_CountUnknown(str(output), known))
                | "Merge" >> beam.CombineGlobally(_merge)
                | "Write" >> beam.ParDo(_WriteCounts(str(path)))
            )
        _raise_refusal(output)
    document = json.loads(path.read_bytes())
    return {name: CategoryCounts(**counts) for name, counts in document.items()}


def score_parts(job: ScoreJob, parts: Sequence[Part], beam_args: Sequence[str]) -> None:
    """Scores the parts; those that are committed already are left as they are.

    Raises:
        InputRefusedError: A part was refused; of several, the first part's reason.
        BundleRefusedError: The model does not answer such rows as it should.
    """
    if parts:
        with beam.Pipeline(options=_options(beam_args)) as pipeline:
            _ = (
                pipeline
                | "Parts" >> beam.Create(list(parts))
                | "Spread" >> beam.Reshuffle()
                | "Score" >> beam.ParDo(_Score(job, Shared()))
            )
    _raise_refusal(Path(job.output))


def _options(beam_args: Sequence[str]) -> Any:
    has_runner = any(argument.startswith("--runner") for argument in beam_args)
    return PipelineOptions([*beam_args] if has_runner else [DEFAULT_RUNNER, *beam_args])


def _raise_refusal(output: Path) -> None:
    for path in sorted((output / output_folder.REFUSED).glob("part-*.json")):
        refusal = json.loads(path.read_bytes())
        if refusal["is_input"]:
            raise InputRefusedError(refusal["message"])
        raise BundleRefusedError("signatures", refusal["message"])
