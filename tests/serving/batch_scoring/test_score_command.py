"""`slipway score` in a process of its own: JSON and words."""

import json
import subprocess
import sys
from pathlib import Path

from pipeline.score_command import in_words
from tests.serving.batch_scoring.ride_files import make_rides, write_csv

ROOT = Path(__file__).resolve().parents[3]


def test_the_summary_as_json(built_tiny_bundle, tmp_path):
    path = write_csv(tmp_path / "rides.csv", make_rides(10))
    arguments = [built_tiny_bundle, "--input", path, "--output", tmp_path / "out"]
    command = [sys.executable, "-m", "pipeline.cli", "score", *map(str, arguments)]
    ended = subprocess.run(
        [*command, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert json.loads(ended.stdout)["num_scored"] == 10


def test_words():
    summary = {
        "bundle": {"name": "rides", "version": 3, "digest": "0123456789abcdef"},
        "num_rows": 1010,
        "num_scored": 1000,
        "num_quarantined": 10,
        "quarantined": {"missing": 4, "out_of_range": 6},
        "labels": {"on_time": 800, "late": 200},
        "features": [
            {"name": "miles", "num_unknown": None},
            {
                "name": "carrier",
                "num_unknown": 20,
                "unknown_fraction": 0.02,
                "unknown_examples": {"ZZ": 15, "YY": 5},
            },
        ],
        "wall_s": 2.0,
        "scored_per_s": 500.0,
        "parts": [{}, {}],
    }
    assert in_words(summary, Path("scores"), was_complete=False) == "\n".join(
        [
            "1,000 of 1,010 rows scored by rides version 3, bundle 0123456789ab",
            "labels       on_time 800, late 200",
            "put aside    10 rows in scores/quarantine: missing 4, out of range 6",
            "unknown      carrier: 20 values, 2.00%, such as ZZ, YY",
            "time         2.0 s, 500 rows a second",
            "scores       scores, 2 files",
        ]
    )
    again = in_words(summary, Path("scores"), was_complete=True)
    assert again.startswith("scores is complete already; nothing was done.\n")
    assert "time" not in again.replace("on_time", "")
