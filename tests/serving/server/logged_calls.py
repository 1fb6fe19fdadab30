"""What tests ask of calls that were logged."""

import asyncio
import time

import numpy as np


async def all_handed_on(log, rows):
    """Returns once the writer has so many rows, though nobody closes the log."""
    end_s = time.monotonic() + 10
    while log.writer.buffered_rows < rows:
        assert time.monotonic() < end_s
        await asyncio.sleep(0.01)


def check_golden(by_id, places, golden):
    """Checks that each request's row is the golden one of its place."""
    label = golden.outputs.index("label")
    for name, place in places.items():
        inputs, outputs = by_id[name]["inputs"], by_id[name]["outputs"]
        assert inputs["carrier"] == golden.rows[place].raw[2]
        miles = golden.rows[place].raw[0]
        assert inputs["miles"] == (None if miles is None else np.float32(miles))
        assert outputs["label"] == golden.rows[place].outputs[label]
