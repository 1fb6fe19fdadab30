"""How fast tables become Examples: ours from Parquet and CSV beside CsvExampleGen.

    python -m benchmarks.ingestion [--spans var/flights/spans] [--repeats 3]

All three read the labelled rows of the same spans and write gzipped TFRecords, one
after the other, in turns, each in a fresh process. Rows a second count from the
component's first step to its artifact; imports are left out, CPU time and memory are
those of the whole process with its workers. Writes docs/benchmarks/ingestion.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from data.flights.columns import EVENT_TIME

RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
KEY, LABEL = "flight_id", "is_late"
SCHEMA = Path("data/flights/schema.pbtxt")
REPORT = Path("docs/benchmarks/ingestion.md")
REQUIRED = {"ours, CSV": 12.0, "ours, Parquet": 20.0}
RIVALS = ("CsvExampleGen", "ours, CSV", "ours, Parquet")


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """One rival's run.

    Attributes:
        wall_s: From the component's first step to its artifact, seconds.
        cpu_s: User and system time of the process and its workers, imports included.
        peak_mib: Largest resident memory of all its processes together, MiB.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


def prepare(spans: Path, folder: Path) -> int:
    """Writes the labelled rows as Parquet spans, CSV spans and one folder of CSV.

    Returns:
        Their number.
    """
    num_rows = 0
    for path in sorted(spans.glob("span-*/*.parquet")):
        table = pa.parquet.read_table(path)
        table = table.filter(table[LABEL].is_valid())
        num_rows += table.num_rows
        for kind in ("parquet", "csv"):
            (folder / kind / path.parent.name).mkdir(parents=True)
        pa.parquet.write_table(table, folder / "parquet" / path.parent.name / path.name)
        (folder / "stock").mkdir(exist_ok=True)
        text = folder / "csv" / path.parent.name / "rows.csv"
        _write_csv(table, text)
        (folder / "stock" / f"{path.parent.name}.csv").hardlink_to(text)
    return num_rows


def _write_csv(table: pa.Table, path: Path) -> None:
    """Writes bare names in the header: CsvExampleGen keeps quotation marks."""
    options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pa.csv.write_csv(table, file, options)


def run_stock(folder: Path, output: Path) -> float:
    """Runs CsvExampleGen's executor with its defaults; returns seconds."""
    from tfx.components.example_gen import utils
    from tfx.components.example_gen.csv_example_gen.executor import Executor
    from tfx.proto import example_gen_pb2
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    examples = standard_artifacts.Examples()
    examples.uri = str(output)
    to_json: Callable[[Any], str] = proto_utils.proto_to_json
    input_config = utils.make_default_input_config()
    properties = {
        "input_base": str(folder / "stock"),
        "input_config": to_json(input_config),
        "output_config": to_json(utils.make_default_output_config(input_config)),
        "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
        "output_file_format": example_gen_pb2.FORMAT_TFRECORDS_GZIP,
    }
    started = time.perf_counter()
    context = Executor.Context(
        beam_pipeline_args=[RUNNER], tmp_dir=str(output.parent), unique_id="0"
    )
    Executor(context).Do({}, {"examples": [examples]}, properties)
    return time.perf_counter() - started


def run_ours(folder: Path, output: Path, kind: str) -> float:
    """Runs ColumnarExampleGen on the spans of one format; returns seconds."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tfx.types.standard_artifacts import Examples

    from components.columnar_example_gen.component import ColumnarExampleGen
    from data.spans import content_digest, list_spans, load_manifest
    from pipeline.preflight import csv_kinds

    input_base = folder / kind
    examples = Examples()
    examples.uri = str(output)
    spans = list_spans(input_base)
    digests = [(span, load_manifest(input_base, span).digest) for span in spans]
    kinds = csv_kinds(SCHEMA, leave_out=[EVENT_TIME]) if kind == "csv" else {}
    # The function that the decorator made a component of.
    function = ColumnarExampleGen.EXECUTOR_SPEC.executor_class._FUNCTION
    started = time.perf_counter()
    options = PipelineOptions([RUNNER, "--file_workers=0"])
    function(
        examples=examples,
        input_base=str(input_base),
        spans=json.dumps(spans),
        data_digest=content_digest(digests),
        key=KEY,
        event_time=EVENT_TIME,
        label=LABEL,
        split=json.dumps({"by": "time", "eval_spans": 2, "eval_fraction": None}),
        csv_kinds=json.dumps(kinds),
        layout="{}",
        reading="{}",
        beam_pipeline=beam.Pipeline(options=options),
    )
    return time.perf_counter() - started


def measure(rival: str, folder: Path) -> Timing:
    """Runs one rival in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        usage, wall = Path(scratch) / "usage.json", Path(scratch) / "wall.json"
        command = [
            *(sys.executable, "-m", "benchmarks.process_tree", str(usage)),
            *(sys.executable, "-m", "benchmarks.ingestion", "--rival", rival),
            *("--data", str(folder), "--output", f"{scratch}/examples"),
            *("--wall", str(wall)),
        ]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        found = json.loads(usage.read_text())
        return Timing(
            wall_s=json.loads(wall.read_text()),
            cpu_s=found["cpu_s"],
            peak_mib=found["peak_bytes"] / 2**20,
        )


def run_rival(rival: str, folder: Path, output: Path, wall: Path) -> None:
    """What the process of one rival does."""
    if rival == RIVALS[0]:
        wall_s = run_stock(folder, output)
    else:
        wall_s = run_ours(folder, output, "csv" if rival == RIVALS[1] else "parquet")
    wall.write_text(json.dumps(wall_s))


def report(num_rows: int, timings: Mapping[str, Sequence[Timing]]) -> str:
    """Returns the Markdown page."""
    stock_s = statistics.median(timing.wall_s for timing in timings[RIVALS[0]])
    lines = [
        "# Ingestion: tables to Examples",
        "",
        f"{num_rows:,} labelled flights of 2013, 35 columns, 12 files, to gzipped",
        "TFRecords. The rivals take turns, each run in a fresh process; medians, in",
        "brackets the spread.",
        "Rows/s leave imports out; CPU and memory are those of all processes, imports",
        "included. `python -m benchmarks.ingestion` writes this page.",
        "",
        "| | rows/s | wall s | times CsvExampleGen | at least | CPU s | peak MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for rival in RIVALS:
        runs = timings[rival]
        walls = sorted(timing.wall_s for timing in runs)
        wall_s = statistics.median(walls)
        required = REQUIRED.get(rival)
        lines.append(
            f"| {rival} | {num_rows / wall_s:,.0f} | {wall_s:.2f} "
            f"({walls[0]:.2f} to {walls[-1]:.2f}) | {stock_s / wall_s:.1f} | "
            f"{f'{required:g}' if required else ''} | "
            f"{statistics.median(timing.cpu_s for timing in runs):.1f} | "
            f"{statistics.median(timing.peak_mib for timing in runs):,.0f} |"
        )
    packages = ("tfx", "apache-beam", "pyarrow", "tensorflow", "numpy")
    return "\n".join(
        [
            *lines,
            "",
            f"{_processor()}; Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in packages)
            + f"; {len(timings[RIVALS[0]])} runs each; "
            f"{datetime.now(UTC).date().isoformat()}.",
            "",
        ]
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return f"{len(os.sched_getaffinity(0))} cores, {names[0] if names else 'unknown'}"


def main() -> int:
    """Runs the comparison, or one rival of it; 1 if a requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=Path, default=Path("var/flights/spans"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--rival", choices=RIVALS, help="run only this one (internal)")
    for name in ("--data", "--output", "--wall"):
        parser.add_argument(name, type=Path, help="of --rival")
    arguments = parser.parse_args()
    if arguments.rival:
        run_rival(arguments.rival, arguments.data, arguments.output, arguments.wall)
        return 0
    if not any(arguments.spans.glob("span-*/*.parquet")):
        parser.error(
            f"--spans is {str(arguments.spans)!r}, which has no span-*/*.parquet; "
            "`slipway run flights` makes them in var/flights/spans."
        )
    with tempfile.TemporaryDirectory() as scratch:
        num_rows = prepare(arguments.spans, Path(scratch))
        timings: dict[str, list[Timing]] = {rival: [] for rival in RIVALS}
        for _ in range(arguments.repeats):
            for rival in RIVALS:
                timings[rival].append(measure(rival, Path(scratch)))
                print(rival, timings[rival][-1], flush=True)
    page = report(num_rows, timings)
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(page, encoding="utf-8")
    print(page)
    stock_s = statistics.median(timing.wall_s for timing in timings[RIVALS[0]])
    ratios = {
        rival: stock_s / statistics.median(timing.wall_s for timing in timings[rival])
        for rival in REQUIRED
    }
    return int(any(ratios[rival] < least for rival, least in REQUIRED.items()))


if __name__ == "__main__":
    sys.exit(main())
