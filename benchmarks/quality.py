"""Pushed model against gradient boosting: the same rows, columns and cut in time.

    python -m benchmarks.quality            April, July, October, December
    python -m benchmarks.quality 4 7        these months

For each month the whole DAG runs on all months up to it, trains on the earlier ones and
pushes. The pushed SavedModel, in TF Serving's loader, and scikit-learn's
HistGradientBoostingClassifier with default settings then score the month's flights from
the same raw Parquet columns. Exit code 1 if the pushed model is within ALLOWED_GAP of
it, or better, on fewer than MIN_MONTHS months.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OrdinalEncoder

from models.flights.features import FEATURE_KEYS, LABEL_KEY
from pipeline.config import load_config
from pipeline.outcome import read_outcome
from pipeline.pipeline_argument import find_config
from pipeline.run_pipeline import run_pipeline
from pipeline.terminal import Progress
from serving.session_model import NAMED_SIGNATURE, SessionModel

MONTHS = (4, 7, 10, 12)
ALLOWED_GAP = 0.01
MIN_MONTHS = 3
# scikit-learn's limit for a categorical column; tailnum is above it and stays a number.
MAX_CATEGORIES = 255
WORK_DIR = Path("var/benchmarks/quality")


def main() -> int:
    """Prints one line a month; returns the exit code."""
    months = [int(argument) for argument in sys.argv[1:]] or list(MONTHS)
    console = Console(width=120)
    table = Table("predicted month", "train rows", "eval rows", box=None)
    for heading in (
        "pushed model AUC",
        "boosting AUC",
        "difference",
        "DAG s",
        "boosting s",
    ):
        table.add_column(heading, justify="right")
    differences = []
    for month in months:
        started = time.monotonic()
        model_path, input_base = push_model(month, console)
        dag_s = time.monotonic() - started
        train = read_rows(input_base, range(1, month))
        test = read_rows(input_base, [month])
        ours = roc_auc_score(test[LABEL_KEY], score_pushed(model_path, test))
        started = time.monotonic()
        theirs = roc_auc_score(test[LABEL_KEY], score_boosting(train, test))
        boosting_s = time.monotonic() - started
        differences.append(ours - theirs)
        table.add_row(
            f"2013-{month:02d}",
            f"{len(train):,}",
            f"{len(test):,}",
            f"{ours:.4f}",
            f"{theirs:.4f}",
            f"{ours - theirs:+.4f}",
            f"{dag_s:.0f}",
            f"{boosting_s:.0f}",
        )
    console.print(table)
    near = sum(difference >= -ALLOWED_GAP for difference in differences)
    console.print(
        f"on {near} of {len(months)} months the pushed model is at most {ALLOWED_GAP} "
        f"below boosting or above it; the worst difference is {min(differences):+.4f}"
    )
    return 0 if near >= min(MIN_MONTHS, len(months)) else 1


def push_model(month: int, console: Console) -> tuple[str, Path]:
    """Runs the DAG on months 1 to `month`; returns the pushed folder and the spans'."""
    work_dir = WORK_DIR / f"month-{month:02d}"
    overrides = {
        "work_dir": str(work_dir),
        "data.spans": {"first": 1, "last": month},
        "data.split": {"by": "time", "eval_spans": 1},
        "evaluation.thresholds": [{"metric": "auc", "min": 0.5}],
        "deployment.model_base_path": str(work_dir / "models"),
    }
    config_path = find_config("flights")
    console.print(f"training on every month before 2013-{month:02d}")
    with Progress(console) as progress:
        record = run_pipeline(config_path, overrides, progress)
    model_path = read_outcome(record).model_path
    if model_path is None:
        raise RuntimeError(f"nothing was pushed for month {month}: {record.reason}")
    return model_path, Path(load_config(config_path).data.input_base)


def read_rows(input_base: Path, months: "range | list[int]") -> pd.DataFrame:
    """Returns the labelled rows of some months with the model's raw features."""
    columns = [*FEATURE_KEYS, LABEL_KEY]
    files = [
        path
        for month in months
        for path in sorted(input_base.glob(f"span-{month}/*.parquet"))
    ]
    rows = pd.concat(
        [pq.read_table(path, columns=columns).to_pandas() for path in files],
        ignore_index=True,
    )
    return rows.dropna(subset=[LABEL_KEY])


def score_pushed(model_path: str, rows: pd.DataFrame) -> np.ndarray:
    """Returns float32 [rows]: the pushed model's probabilities, from raw values."""
    model = SessionModel(model_path)
    inputs = {
        name: (
            rows[name].fillna("").to_numpy(dtype=object)
            if dtype.kind == "O"
            else rows[name].to_numpy(dtype=np.float32)
        )
        for name, dtype in model.input_dtypes(NAMED_SIGNATURE).items()
    }
    return model.call(NAMED_SIGNATURE, inputs)["probability"]


def score_boosting(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Returns float64 [rows]: scikit-learn's probabilities, its defaults."""
    text = [name for name in FEATURE_KEYS if train[name].dtype.kind == "O"]
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan
    ).fit(train[text])
    categories = [
        name
        for name, values in zip(text, encoder.categories_, strict=True)
        if len(values) <= MAX_CATEGORIES
    ]

    def encode(rows: pd.DataFrame) -> pd.DataFrame:
        encoded = rows[list(FEATURE_KEYS)].copy()
        encoded[text] = encoder.transform(rows[text])
        return encoded.astype(np.float64)

    model = HistGradientBoostingClassifier(
        categorical_features=categories, random_state=0
    )
    model.fit(encode(train), train[LABEL_KEY].astype(int))
    return model.predict_proba(encode(test))[:, 1]


if __name__ == "__main__":
    sys.exit(main())
