"""Fills an output folder: counts unknown values, scores what is left, sums up."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

from serving.batch_scoring import beam_job, output_folder, part_files, summary
from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.part_files import PartResult
from serving.batch_scoring.plan import Part, ScoreOptions
from serving.batch_scoring.progress import OnProgress, Progress, watch_parts
from serving.batch_scoring.score_part import ScoreJob
from serving.bundle import layout
from serving.bundle.contract import SealedContract
from serving.input_statistics import (
    CategoryCounts,
    TrainingFeature,
    check_unknown_rates,
    training_features,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoringRun:
    """A scoring whose inputs are checked and whose output folder is held.

    Attributes:
        job: What workers do.
        parts: All parts.
        sealed: The bundle's contract.
        options: Those of the plan.
        max_unknown_rate: See input_statistics.check_unknown_rates.
        beam_args: Options for Beam.
        ignored: Files that were not taken for rows, for summary.json.
    """

    job: ScoreJob
    parts: tuple[Part, ...]
    sealed: SealedContract
    options: ScoreOptions
    max_unknown_rate: float
    beam_args: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def output(self) -> Path:
        """The output folder."""
        return Path(self.job.output)

    def is_complete(self) -> bool:
        """Whether _SUCCESS is there and every part is as it was written."""
        has_success = (self.output / output_folder.SUCCESS).exists()
        return has_success and not self._missing_parts()

    def finish(self, on_progress: OnProgress) -> dict[str, Any]:
        """Scores what is not scored yet and writes summary.json and _SUCCESS.

        Returns:
            The document in summary.json.

        Raises:
            InputRefusedError: Too many unknown values, a bad row, or a changed input.
        """
        started = time.monotonic()
        (self.output / output_folder.SUCCESS).unlink(missing_ok=True)
        training = self._training()
        on_progress(Progress(stage="counting unknown values"))
        unknown = beam_job.count_unknown_values(
            self.output, self.parts, training, self.beam_args
        )
        self._check_unknown(unknown, training)
        missing = self._missing_parts()
        with watch_parts(self.output, [part.name for part in self.parts], on_progress):
            beam_job.score_parts(self.job, missing, self.beam_args)
        results = self._results()
        fields = self._summarize(results, unknown, training)
        scored = {part.index for part in missing}
        num_scored = sum(results[place].num_scored for place in scored)
        wall_s = time.monotonic() - started
        text = summary.encode_summary(
            {
                **fields,
                "num_resumed_parts": len(self.parts) - len(missing),
                "wall_s": round(wall_s, 3),
                "scored_per_s": round(num_scored / wall_s, 1),
            }
        )
        part_files.write_file(self.output / output_folder.SUMMARY, text)
        part_files.write_file(self.output / output_folder.SUCCESS, b"")
        return output_folder.read_summary(self.output)

    def _training(self) -> dict[str, TrainingFeature]:
        path = Path(self.job.bundle) / layout.STATISTICS
        statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(
            path.read_bytes()
        )
        names = set(self.sealed.contract.feature_names)
        found = training_features(statistics)
        return {name: feature for name, feature in found.items() if name in names}

    def _check_unknown(
        self,
        unknown: Mapping[str, CategoryCounts],
        training: Mapping[str, TrainingFeature],
    ) -> None:
        findings = check_unknown_rates(unknown, training, self.max_unknown_rate)
        if findings:
            more = "".join(f" Likewise {one.feature!r}." for one in findings[1:])
            raise InputRefusedError(
                f"{findings[0].sentence}.{more} No row was scored. If the codes are "
                "right, train on rows that have them, or allow them with "
                "--max-unknown-rate; else correct the input."
            )

    def _missing_parts(self) -> list[Part]:
        return [
            part
            for part in self.parts
            if part_files.read_result(self.output, part.name) is None
        ]

    def _results(self) -> list[PartResult]:
        found = [part_files.read_result(self.output, part.name) for part in self.parts]
        results = [result for result in found if result is not None]
        if len(results) < len(self.parts):
            name = self.parts[found.index(None)].name
            raise RuntimeError(
                f"{self.output}: the engine ended without {name}. Repeat the command; "
                "all other parts are kept."
            )
        for source in {id(part.source): part.source for part in self.parts}.values():
            source.require_unchanged()
        return results

    def _summarize(
        self,
        results: Sequence[PartResult],
        unknown: Mapping[str, CategoryCounts],
        training: Mapping[str, TrainingFeature],
    ) -> dict[str, Any]:
        return {
            "bundle": summary.bundle_identity(self.sealed),
            "options": summary.describe_options(self.options, self.max_unknown_rate),
            **summary.count_rows(results),
            "features": summary.describe_features(results, unknown, training),
            "ignored_files": list(self.ignored),
            "parts": summary.describe_parts(results),
        }
