"""How much every feature of a log varies from window to window."""

from collections.abc import Iterable

from serving.monitoring.coded_log import CodedLog
from serving.monitoring.feature_space import count_codes
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.row_reference import unbounded_space
from serving.monitoring.section import Section
from serving.monitoring.window_noise import DesignEffects, WindowNoise


class Noises:
    """How much each feature, and the predictions, vary from window to window.

    A window is judged by those before it; the first ones of a log, which have none, by
    one another.
    """

    def __init__(
        self, coded: CodedLog, settings: MonitorSettings, first: Iterable[Section]
    ) -> None:
        """Learns from the first windows.

        Args:
            coded: The log.
            settings: history, and what is given of a feature.
            first: All rows of the first MIN_PAIRS + 1 windows, or of those there are.
        """
        self._coded, self._settings = coded, settings
        self._space = unbounded_space(coded.predictions)
        self._noises = self._unknown()
        for whole in first:
            self.add(whole)
        self._first, self._noises = self._noises, self._unknown()

    def _unknown(self) -> dict[str, WindowNoise]:
        references = self._coded.references
        spaces = {name: found.space for name, found in references.items()}
        spaces[self._settings.output] = self._space
        history = self._settings.history
        return {name: WindowNoise(space, history) for name, space in spaces.items()}

    def add(self, whole: Section) -> None:
        """Takes in all rows of a window, after it was compared."""
        if len(whole.rows) < self._settings.min_rows:
            return
        coded, output = self._coded, self._settings.output
        for name, reference in coded.references.items():
            codes = coded.codes[name][whole.rows]
            self._noises[name].add(count_codes(codes, reference.space))
        codes = self._space.encode_values(coded.predictions[whole.rows])
        self._noises[output].add(count_codes(codes, self._space))

    def of(self, feature: str, share: float) -> DesignEffects:
        """Returns a feature's design effects in a slice with a share of the rows."""
        effect = self._settings.design_effect(feature)
        if effect is not None:
            return DesignEffects(values=effect, missing=effect, strange=effect)
        effects = self._noises[feature].effects
        if not effects.is_known:
            effects = self._first[feature].effects
        return effects.in_part(share)
