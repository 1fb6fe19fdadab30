"""A prediction log of made-up rides, a day a window, and labels that come later."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from serving.prediction_log.labels import add_labels
from serving.prediction_log.logged_request import ClientFacts
from tests.serving.prediction_log.rides_log import ride, texts, written
from tests.serving.tiny_rides import train_rows

BUNDLE = Path(__file__).parents[2] / "bundles" / "v2"
FIRST = datetime(2013, 7, 1, tzinfo=UTC)
A_DAY = 300


def log_days(log_dir, *numbers, unknown_share=0.0):
    """Adds days of July: rows as in training, but for unknown carriers."""
    return written(log_dir, [_day(number, unknown_share) for number in numbers])


def _day(number, unknown_share):
    generator = np.random.default_rng(number)
    train = train_rows()
    rows = [train[place] for place in generator.integers(0, len(train), A_DAY)]
    unknown = generator.random(A_DAY) < unknown_share
    miles, month, carrier = zip(*rows, strict=True)
    names = [
        b"<b>new</b>" if is_new else (name or "").encode()
        for name, is_new in zip(carrier, unknown, strict=True)
    ]
    inputs = {
        "miles": np.array(miles, np.float32),
        "month": np.array(month, np.float32),
        "carrier": texts(*names),
    }
    probability = np.where(np.array(names) == b"UA", 0.7, 0.3).astype(np.float32)
    outputs = {
        "probability": probability + generator.normal(0, 0.05, A_DAY).astype("f4"),
        "label": texts(*[b"late"] * A_DAY),
    }
    facts = ClientFacts(
        event_time=(FIRST + timedelta(days=number - 1, hours=12)).isoformat(),
        key=",".join(f"{number}-{place}" for place in range(A_DAY)),
    )
    return ride(f"day-{number}", (inputs, outputs), facts=facts)


def label_days(log_dir, folder, *numbers):
    """Adds labels of these days: one ride of two comes late."""
    path = folder / f"labels-{numbers[0]}.csv"
    lines = [
        f"{number}-{place},{place % 2}" for number in numbers for place in range(A_DAY)
    ]
    path.write_text("\n".join(["key,label", *lines]) + "\n")
    add_labels(log_dir, "rides", path)
