"""Rides of four carriers, watched by the hour."""

import numpy as np

from serving.monitoring.monitor import monitor_table
from serving.monitoring.monitor_settings import MonitorSettings
from tests.serving.monitoring.log_rows import log_table, reference_of

HOURLY = MonitorSettings(window="1h", history=0)
CARRIERS = np.array(["UA", "B6", "EV", "DL"])


def rides(num_rows, seed=0, shares=(0.4, 0.3, 0.2, 0.1)):
    """Carriers, miles and a probability that goes by the carrier alone."""
    generator = np.random.default_rng(seed)
    places = generator.choice(4, num_rows, p=shares)
    inputs = {
        "carrier": CARRIERS[places].tolist(),
        "miles": generator.gamma(4, 50, num_rows).tolist(),
    }
    return inputs, np.array([0.1, 0.2, 0.3, 0.6])[places]


REFERENCE = reference_of(rides(20_000, seed=99)[0])


def monitored(inputs, settings=HOURLY, **more):
    return monitor_table(log_table(inputs, **more), REFERENCE, settings)


def alarm_ids(window):
    return [alarm.id for alarm in window.alarms]
