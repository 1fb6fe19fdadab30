"""The level holds: benchmarks/false_alarms.py does the same on a month of flights."""

import numpy as np
import pytest

from serving.monitoring.monitor import monitor_table
from serving.monitoring.monitor_settings import (
    EFFECTS,
    EffectSizes,
    MonitorSettings,
)
from tests.serving.monitoring.log_rows import log_table, reference_of

NUM_WINDOWS = 100
REFERENCES = 3
LEVEL = 0.05


def stream(num_rows, generator):
    """Rows of every awkward kind: ties, heavy tails, many rare values, gaps."""
    missing = generator.random(num_rows) < 0.02
    values = generator.gamma(0.5, 100, num_rows)
    return {
        "carrier": generator.choice(
            list("ABCDE"), num_rows, p=(0.6, 0.3, 0.08, 0.015, 0.005)
        ).tolist(),
        "tailnum": [f"N{place}" for place in generator.zipf(1.4, num_rows) % 3000],
        "engines": np.where(generator.random(num_rows) < 0.006, 1.0, 2.0).tolist(),
        "rain": np.where(generator.random(num_rows) < 0.9, 0.0, values).tolist(),
        "miles": [
            None if gone else value
            for gone, value in zip(missing, values.tolist(), strict=True)
        ],
    }


@pytest.mark.parametrize("window_rows", [40, 400])
def test_windows_of_rows_that_did_not_change_alarm_as_rarely_as_the_level_says(
    window_rows,
):
    settings = MonitorSettings(
        window="1h",
        level=LEVEL,
        min_rows=1,
        effects=EffectSizes(**dict.fromkeys(EFFECTS, 0.0)),
    )
    generator = np.random.default_rng(window_rows)
    num_alarmed = 0
    for _ in range(REFERENCES):
        num_rows = window_rows * NUM_WINDOWS
        log = log_table(
            stream(num_rows, generator),
            hours=np.arange(num_rows) // window_rows,
            probability=generator.beta(2, 6, num_rows),
        )
        reference = reference_of(stream(5000, generator))
        windows = monitor_table(log, reference, settings).windows
        assert len(windows) == NUM_WINDOWS
        num_alarmed += sum(bool(window.alarms) for window in windows)
    trials = NUM_WINDOWS * REFERENCES
    # Three spreads above; windows of one reference are not independent of one another.
    assert num_alarmed <= trials * LEVEL + 3 * np.sqrt(trials * LEVEL)
