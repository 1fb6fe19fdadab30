"""The rows and the use case that every rival gets, in folders of its own.

{folder}/                        of one sequence of runs
  spans/span-N/…                 Parquet, for slipway and the script
  csv/train/span-N.csv           the labelled rows of the same spans, for stock TFX
  csv/eval/span-N.csv
  project/flights_case/*.py      a copy of models/flights, for edits
  project/flights_case.yaml
"""

import datetime
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from benchmarks.speed_result import ROOT
from data.flights.columns import EVENT_TIME, LABEL
from data.spans import span_folder, write_span

PACKAGE = "flights_case"
SPANS_A_YEAR, EVAL_SPANS_A_YEAR = 12, 2
KEY = "flight_id"
_USE_CASE = ROOT / "models" / "flights"
# What a person changes in a model: one number of the network.
_EDITED_FILE, _BEFORE, _AFTER = "model.py", "stddev=0.05", "stddev=0.04"


def write_years(year: Path, target: Path, num_years: int) -> None:
    """Writes the spans of one year, then the same rows as further years.

    Args:
        year: Folder with span-1 to span-12.
        target: Gets span-1 to span-(12 * num_years); those there already are kept.
        num_years: Year c (0 for the first) has the real rows with event times c * 365
            days later and keys that begin with the year 2013 + c.
    """
    for span in range(1, SPANS_A_YEAR * num_years + 1):
        shift, month = divmod(span - 1, SPANS_A_YEAR)
        source = span_folder(year, month + 1)
        if span_folder(target, span).is_dir():
            continue
        if shift == 0:
            copy_span(source, target)
        else:
            rows = shifted_rows(read_span(source), shift)
            write_span(
                target, span, rows, event_time=EVENT_TIME,
                source=f"flights of 2013, {shift} years later",
            )  # fmt: skip


def copy_span(folder: Path, target: Path) -> None:
    """Copies a span's folder; it appears whole or not at all."""
    target.mkdir(parents=True, exist_ok=True)
    beside = target / f".copying-{folder.name}"
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(folder, beside)
    beside.rename(target / folder.name)


def read_span(folder: Path) -> pa.Table:
    """Returns a span's rows."""
    files = sorted(folder.glob("*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files])


def shifted_rows(rows: pa.Table, num_years: int) -> pa.Table:
    """Returns the rows as if they had happened `num_years` times 365 days later."""
    times = rows[EVENT_TIME]
    later = pa.scalar(datetime.timedelta(days=365 * num_years), pa.duration("s"))
    times = pc.add(times.cast(pa.timestamp("s", tz="UTC")), later)
    keys = pc.utf8_replace_slice(rows[KEY], 0, 4, str(2013 + num_years))
    for name, values in ((EVENT_TIME, times), (KEY, keys)):
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


def write_csv(spans: Path, last: int, eval_spans: int, target: Path) -> None:
    """Writes train/ and eval/ for stock TFX, whatever was there before.

    Missing is an empty cell. A whole float keeps its ".0" and an integer with gaps
    gets none: CsvExampleGen infers a column's type from its text.

    Args:
        spans: Folder of spans 1 to `last`.
        last: The newest span to use.
        eval_spans: So many of the newest go to eval/.
        target: Folder of both splits; a file that is there already is moved, not
            written again.
    """
    for span in range(1, last + 1):
        split = "eval" if span > last - eval_spans else "train"
        path = target / split / f"span-{span}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        other = "train" if split == "eval" else "eval"
        there = target / other / path.name
        if there.exists():
            there.rename(path)
        elif not path.exists():
            _labelled(read_span(span_folder(spans, span))).to_csv(path, index=False)


def _labelled(rows: pa.Table) -> pd.DataFrame:
    table = rows.filter(pc.is_valid(rows[LABEL]))
    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


def write_project(folder: Path, spans: Path, last: int, eval_spans: int) -> Path:
    """Copies the use case to a project of its own; returns its YAML file.

    Args:
        folder: Of the sequence; gets project/, work/ and pushed/.
        spans: Folder of spans, which are there: nothing is prepared.
        last: The newest span to use.
        eval_spans: So many of the newest are held back.
    """
    package = folder / "project" / PACKAGE
    shutil.rmtree(package.parent, ignore_errors=True)
    package.mkdir(parents=True)
    for source in _USE_CASE.glob("*.py"):
        (package / source.name).write_text(_renamed(source), encoding="utf-8")
    (package.parent / "pyproject.toml").write_text(f'[project]\nname = "{PACKAGE}"\n')
    settings = yaml.safe_load(_renamed(_USE_CASE / "flights.yaml"))
    settings["work_dir"] = str(folder / "work")
    settings["deployment"]["model_base_path"] = str(folder / "pushed")
    settings["validation"]["schema"] = str(ROOT / settings["validation"]["schema"])
    data: dict[str, Any] = settings["data"]
    data |= {"prepare": None, "input_base": str(spans)}
    data |= {"spans": {"first": 1, "last": last}}
    data["split"] = {"by": "time", "eval_spans": eval_spans}
    config = package.parent / f"{PACKAGE}.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return config


def _renamed(source: Path) -> str:
    return source.read_text(encoding="utf-8").replace("models.flights", PACKAGE)


def edit_model(config: Path) -> None:
    """Changes one line of a project's network.

    Raises:
        ValueError: The line is not there exactly once: models/flights has changed.
    """
    path = config.parent / PACKAGE / _EDITED_FILE
    text = path.read_text(encoding="utf-8")
    if text.count(_BEFORE) != 1:
        raise ValueError(
            f"{path} holds {_BEFORE!r} {text.count(_BEFORE)} times, expected once; "
            "name another line in benchmarks/speed_inputs.py."
        )
    path.write_text(text.replace(_BEFORE, _AFTER), encoding="utf-8")
