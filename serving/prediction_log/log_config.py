"""How a prediction log is written."""

import math
from dataclasses import dataclass
from pathlib import Path

from serving.prediction_log.errors import PredictionLogError

_MAX_SHARE = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LogConfig:
    """The settings of one writer.

    At most `rotate_s` seconds, `rotate_rows` rows and what waits in the buffer are in
    memory only: a process that is killed loses no more.

    Attributes:
        log_dir: Folder of the logs of all models; it is made when the first row comes.
        share: Share of requests that are logged, 0 to 1, by hash of the request id: the
            same request is in every log or in none.
        masked: Names of inputs, outputs and transformed features that are never
            written. A masked input is missing for `transformed`, too.
        transformed_share: Share of the logged requests, 0 to 1, for which the
            features that the network sees are worked out and logged.
        rotate_s: A file is closed after so many seconds, > 0.
        rotate_rows: Or after so many rows, >= 1.
        retention_days: Files of dates longer ago are removed; 0: none.
        buffer_rows: Rows that may wait for the writer's thread, >= 1; further ones are
            dropped and counted.
        buffer_bytes: Bytes of closed files that wait for a disk which takes none, >= 0;
            a file beyond that is dropped, and its rows counted.
    """

    log_dir: Path
    share: float = 1.0
    masked: tuple[str, ...] = ()
    transformed_share: float = 0.001
    rotate_s: float = 60.0
    rotate_rows: int = 250_000
    retention_days: int = 0
    buffer_rows: int = 100_000
    buffer_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        """Refuses values out of range.

        Raises:
            PredictionLogError: The text names the setting, its value and the range.
        """
        for name in ("share", "transformed_share"):
            value = getattr(self, name)
            if not 0 <= value <= _MAX_SHARE:
                raise PredictionLogError(
                    f"{name} of the prediction log is {value}; expected 0 to 1."
                )
        if not 0 < self.rotate_s < math.inf:
            raise PredictionLogError(
                f"rotate_s of the prediction log is {self.rotate_s}; expected seconds "
                "above 0."
            )
        for name, least in (
            ("rotate_rows", 1),
            ("buffer_rows", 1),
            ("buffer_bytes", 0),
            ("retention_days", 0),
        ):
            value = getattr(self, name)
            if value < least:
                raise PredictionLogError(
                    f"{name} of the prediction log is {value}; expected at least "
                    f"{least}."
                )
