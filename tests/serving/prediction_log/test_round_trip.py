"""Whatever is logged is read back as it was."""

import math
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.prediction_log.compact_rows import compacted
from serving.server.packed_rows import PackedRows, RowLayout
from tests.serving.prediction_log.rides_log import ride, rides, rows_of, texts, written

LAYOUT = RowLayout(
    [("miles", "month"), ("carrier",)], [np.dtype(np.float32), np.dtype(object)]
)
FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)
MONTHS = st.integers(-(2**24), 2**24) | st.just(math.nan)
TEXTS = st.text(max_size=6) | st.sampled_from(
    ["UA", "", "\0", "a\0b", "é", "\U0001f600"]
)
ROW = st.tuples(FLOATS, MONTHS, TEXTS)


def expected_inputs(row):
    miles, month, carrier = row
    return {
        "miles": None if math.isnan(miles) else miles,
        "month": None if math.isnan(month) else month,
        "carrier": carrier or None,
    }


def as_requests(groups, *, kind):
    for number, rows in enumerate(groups):
        columns = [list(column) for column in zip(*rows, strict=True)]
        encoded = [text.encode() for text in columns[2]]
        inputs, outputs = rides(columns[0], columns[1], encoded)
        if kind != "columns":
            block = np.array([columns[0], columns[1]], np.float32).T
            packed = PackedRows(LAYOUT, [block, texts(*encoded).reshape(-1, 1)])
            inputs = compacted(packed) if kind == "compact" else packed
        yield ride(f"r{number}", (inputs, outputs), num_rows=len(rows))


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=6),
    kind=st.sampled_from(["columns", "packed", "compact"]),
)
def test_rows_come_back_as_they_were(groups, kind):
    with tempfile.TemporaryDirectory() as folder:
        log = written(Path(folder), as_requests(groups, kind=kind))
        found = rows_of(log)
    said = [
        (f"r{number}", place, expected_inputs(row))
        for number, rows in enumerate(groups)
        for place, row in enumerate(rows)
    ]
    order = {name: place for place, name in enumerate(f"r{n}" for n in range(9))}
    found.sort(key=lambda row: (order[row["request_id"]], row["row"]))
    assert [(row["request_id"], row["row"], row["inputs"]) for row in found] == said
