"""What slices and predictions are compared with: earlier rows of the log."""

from dataclasses import dataclass

from serving.monitoring.coded_log import CodedLog, Rows, from_micros
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.section import Section, slice_rows


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Earlier rows that something is compared with.

    Attributes:
        text: Which ones, in words.
        rows: Places in the log's table.
        start: Of the window they are from, microseconds; None for a reference window.
    """

    text: str
    rows: Rows
    start: int | None


class Baselines:
    """What training does not tell: the first rows of each slice and version.

    Training statistics are of all rows together and hold no predictions. So a slice is
    compared with the first window in which it had rows enough, and predictions with
    the first window of their version; with a reference window, both with that.
    """

    def __init__(self, coded: CodedLog, settings: MonitorSettings) -> None:
        self._coded, self._settings = coded, settings
        self._slices: dict[str, Baseline] = {}
        self._predictions: dict[tuple[str, int], Baseline] = {}

    def of_slice(self, section: Section) -> Baseline | None:
        """Returns a slice's baseline; None for its first window, which becomes it."""
        chosen = self._chosen_rows(section.slice)
        if chosen is not None:
            return chosen if len(chosen.rows) >= self._min_rows(section) else None
        first = self._slices.setdefault(
            section.slice,
            Baseline(
                text=f"first window of {section.slice}, {_when(section.start)}, "
                f"{len(section.rows):,} rows",
                rows=section.rows,
                start=section.start,
            ),
        )
        return None if first.start == section.start else first

    def of_predictions(self, section: Section, version: int) -> Baseline | None:
        """Returns a version's baseline; None for its first window."""
        chosen = self._chosen_rows(section.slice)
        if chosen is not None:
            return chosen if len(chosen.rows) >= self._min_rows(section) else None
        rows = section.rows[self._coded.versions[section.rows] == version]
        key = (section.slice, version)
        if key not in self._predictions:
            if len(rows) < self._min_rows(section):
                return None
            self._predictions[key] = Baseline(
                text=f"first window of version {version}, {_when(section.start)}, "
                f"{len(rows):,} rows",
                rows=rows,
                start=section.start,
            )
        first = self._predictions[key]
        return None if first.start == section.start else first

    @property
    def predictions(self) -> str:
        """What predictions were compared with, in words."""
        if self._coded.reference_rows is not None:
            return f"the rows of {self._settings.reference}"
        texts = [
            first.text for (name, _), first in self._predictions.items() if not name
        ]
        return "; ".join(texts)

    def _chosen_rows(self, slice_name: str) -> Baseline | None:
        rows = self._coded.reference_rows
        if rows is None:
            return None
        return Baseline(
            text=f"the rows of {self._settings.reference}",
            rows=slice_rows(self._coded, rows, slice_name),
            start=None,
        )

    def _min_rows(self, section: Section) -> int:
        if section.slice:
            return self._settings.min_slice_rows
        return self._settings.min_rows


def _when(micros: int) -> str:
    return f"{from_micros(micros):%Y-%m-%d %H:%M}"
