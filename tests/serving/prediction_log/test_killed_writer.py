"""Ten writers of one log are killed at random moments: whole files, no row twice."""

import subprocess
import sys
from collections import defaultdict

import pyarrow.parquet as pq

from serving.prediction_log.log_reader import PredictionLog
from tests.serving.prediction_log.killed_writer import BUFFER_ROWS, KILLS, ROTATE_ROWS

# What waits, what is being made columns of, and the open file.
MOST_LOST = 2 * BUFFER_ROWS + ROTATE_ROWS


def test_a_kill_costs_at_most_the_buffer(tmp_path):
    counts_dir = tmp_path / "counts"
    counts_dir.mkdir()
    module = "tests.serving.prediction_log.killed_writer"
    subprocess.run(
        [sys.executable, "-m", module, tmp_path / "log", counts_dir],
        check=True,
        timeout=120,
    )
    log = PredictionLog(tmp_path / "log", "rides")
    for path in log.folder.rglob("date=*/*/[!.]*"):
        pq.read_table(path)
    found = defaultdict(list)
    for name in log.read(columns=["request_id"])["request_id"].to_pylist():
        writer, _, number = name.partition("-")
        found[writer].append(int(number))
    for writer in map(str, range(KILLS)):
        rows = sorted(found[writer])
        assert rows == list(range(len(rows))), "a row is missing or there twice"
        lines = (counts_dir / writer).read_bytes().rpartition(b"\n")[0]
        offered = int(lines.rpartition(b"\n")[2])
        # The kill may come between a row's being taken and its being told.
        assert -1 <= offered - len(rows) <= MOST_LOST
    assert sum(map(len, found.values())) > KILLS * ROTATE_ROWS
