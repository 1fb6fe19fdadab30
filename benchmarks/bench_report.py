"""Writes docs/benchmarks/pipeline.md and its charts from the results of a bench.

pipeline.md
pipeline-wall.svg     wall time of every rival in every scenario
pipeline-nodes.svg    where a cold run's time goes
pipeline-rows.svg     wall time against rows
pipeline-memory.svg   peak memory against rows
"""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.bench_charts import build_charts
from benchmarks.chart_style import to_svg
from benchmarks.speed_limits import Figures, Limit, build_limits, peak_bytes, wall_s
from benchmarks.speed_result import COLD, RIVALS, SCENARIOS, Result

LABELLED_ROWS = 327_346
_LIBRARIES = ("tensorflow", "tfx", "apache-beam", "keras", "pandas", "pyarrow")
_TWO_DECIMALS_BELOW = 10

_HEAD = """\
# How long a run of the pipeline takes

Written by `make bench`: flights of 2013, {rows:,} labelled rows, 31 features, one
model, every rival in turn on one machine. Wall and CPU time (user and system) and peak
memory are those of the whole process tree, start of Python and imports included.

{machine}
"""

_FROM_CSV = """\
slipway's ExampleGen from CSV, which must have 12 times CsvExampleGen's rows/s, is on a
page of its own: [ingestion](ingestion.md).
"""

_COMPARABLE = """\
## What was compared

- **slipway**: `slipway run` on Parquet spans, a project of its own, every check on:
  curated schema, anomaly gate, serving check in a server process, golden batch,
  quality gate with confidence bounds, atomic push of a bundle.
- **stock TFX**: CsvExampleGen, StatisticsGen, SchemaGen, ExampleValidator, Transform,
  Trainer, Resolver, Evaluator, Pusher with LocalDagRunner, as in
  benchmarks/rivals/stock_tfx.py; the same preprocessing_fn, run_fn, settings, metrics
  and slices, so what makes these faster helps it as well. It reads CSV, its own way in:
  the same labelled rows in the same two splits, in folders made beforehand. It has no
  anomaly gate (anomalies do not stop it), no curated schema, no serving check, no bound
  on slices, no bundle: those seconds are slipway's alone.
- **plain script**: pandas and Keras (benchmarks/rivals/plain_script.py); the same
  features, network, batch size, epochs and hold-out, one AUC on the same rows. It has
  no statistics, schema or check, no serving graph (features are computed in pandas), no
  slices, no metadata, and keeps nothing: whatever happened, it runs again in full.
- **After an edit of the model**, stock TFX with a dotted run_fn takes the old model
  from its cache and pushes it again: its key does not know the source. Its time there
  is that of a wrong answer.
- **The twelfth span** makes other splits (the newest two are held back), so everything
  that learns from the training split has to run in all of them.
- **Several times the rows**: the real rows again as further years, keys and event times
  shifted; categories and values are those of 2013. Vocabularies so do not grow.

## How it was measured

- Memory is the largest sum of PSS (proportional set size, /proc/PID/smaps_rollup) over
  the process tree at one moment, read every {interval_s:.2f} s on average: memory that
  forked processes share counts once. A shorter peak may be missed.
- CPU time is that of every process of the tree, orphans included (the measuring process
  adopts them). Node times are the rivals' own records: run.json, ML Metadata.
- Rivals take turns within a repeat, each in a fresh folder; libraries are in the page
  cache. Ratios are taken repeat by repeat. In brackets: smallest and largest.
- Sources (SHA-256 over them): {sources}.
"""


def write_page(path: Path, results: Sequence[Result]) -> Path:
    """Writes the page and its charts beside it.

    Args:
        path: Of the Markdown file; its folder is made.
        results: At least one.

    Returns:
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = Figures(results)
    for kind, chart in build_charts(figures).items():
        picture = path.parent / f"{path.stem}-{kind}.svg"
        picture.write_text(to_svg(chart), encoding="utf-8")
    interval_s = statistics.mean(result.usage.interval_s for result in results)
    parts = [
        _HEAD.format(rows=LABELLED_ROWS, machine=machine(results)),
        f"## Limits\n\n{limits_table(build_limits(figures))}\n{_FROM_CSV}",
        f"## Scenarios\n\n![Wall time]({path.stem}-wall.svg)\n\n"
        + scenario_table(figures),
        f"## Node by node\n\n![Nodes]({path.stem}-nodes.svg)\n\n"
        + "\n".join(node_table(figures, rival) for rival in RIVALS),
        _rows_part(figures, path.stem),
        _COMPARABLE.format(interval_s=interval_s, sources=sources(results)),
    ]
    path.write_text("\n".join(part for part in parts if part), encoding="utf-8")
    return path


def machine(results: Sequence[Result]) -> str:
    """Describes machine, versions and dates in one sentence."""
    cpu = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    days = sorted({result.at[:10] for result in results})
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}, {cpu}, {os.cpu_count()} "
        f"cores, {memory:.0f} GiB, {platform.system()} {platform.release()}; Python "
        f"{platform.python_version()}, {libraries}."
    )


def sources(results: Sequence[Result]) -> str:
    """Returns which versions of each rival the results are of: one, or it says more."""
    found = [
        (rival, sorted({r.source for r in results if r.case.rival == rival}))
        for rival in RIVALS
    ]
    return "; ".join(f"{rival} {', '.join(seen)}" for rival, seen in found if seen)


def limits_table(limits: Sequence[Limit]) -> str:
    """Returns one row a limit; what was not measured says so."""
    rows = []
    for limit in limits:
        sign = "≥" if limit.is_lowest else "≤"
        bound = f"{sign} {limit.bound:.3g} {limit.unit}"
        if limit.values:
            verdict = "yes" if limit.holds else "**no**"
            rows.append([limit.what, bound, spread(limit.values), verdict])
        else:
            rows.append([limit.what, bound, "not measured", ""])
    return _table(["figure", "limit", "measured", "holds"], rows)


def scenario_table(figures: Figures) -> str:
    """Returns one row for each rival and scenario that was measured."""
    rows = []
    for scenario in SCENARIOS:
        for rival in RIVALS:
            found = figures.of(rival, scenario)
            if found:
                rows.append([scenario, rival, *_costs(found), *_outcome(found)])
    heads = ["scenario", "rival", "wall s", "CPU s", "peak GB", "AUC", "ended", "runs"]
    return _table(heads, rows)


def _costs(found: Sequence[Result]) -> list[str]:
    figures: tuple[Callable[[Result], float], ...] = (
        wall_s,
        lambda result: result.usage.cpu_s,
        lambda result: peak_bytes(result) / 1e9,
    )
    return [spread([figure(result) for result in found]) for figure in figures]


def _outcome(found: Sequence[Result]) -> list[str]:
    newest = found[-1]
    auc = "" if newest.auc is None else f"{newest.auc:.4f}"
    return [auc, newest.state, str(len(found))]


def node_table(figures: Figures, rival: str) -> str:
    """Returns a rival's nodes, one column a scenario: median seconds.

    A node that the cache answered is in brackets; empty where it did not take part.
    """
    by_scenario = {name: figures.of(rival, name) for name in SCENARIOS}
    measured = {name: found for name, found in by_scenario.items() if found}
    nodes = dict.fromkeys(
        node.node_id
        for found in measured.values()
        for result in found
        for node in result.nodes
    )
    if not nodes:
        return ""
    rows = [
        [node, *(_node_cell(found, node) for found in measured.values())]
        for node in nodes
    ]
    walls = (statistics.median(map(wall_s, found)) for found in measured.values())
    rows.append(["whole process", *(f"{wall:.1f}" for wall in walls)])
    return f"### {rival}\n\n" + _table(["wall s", *measured], rows)


def _node_cell(found: Sequence[Result], node_id: str) -> str:
    nodes = [
        node for result in found for node in result.nodes if node.node_id == node_id
    ]
    if not nodes:
        return ""
    wall = f"{statistics.median(node.wall_s for node in nodes):.1f}"
    states = {node.state for node in nodes}
    if states == {"done"}:
        return wall
    return f"({wall})" if states == {"cached"} else f"{wall} {'/'.join(sorted(states))}"


def _rows_part(figures: Figures, stem: str) -> str:
    """Returns the section on growth; nothing if there is one scale only."""
    scales = figures.scales()
    if scales == [1]:
        return ""
    rows = [
        [f"{LABELLED_ROWS * scale:,}", rival, *_costs(found), *_outcome(found)]
        for scale in scales
        for rival in RIVALS
        if (found := figures.of(rival, COLD, scale))
    ]
    heads = ["rows", "rival", "wall s", "CPU s", "peak GB", "AUC", "ended", "runs"]
    return (
        f"## Rows\n\n![Wall time against rows]({stem}-rows.svg)\n\n"
        f"![Peak memory against rows]({stem}-memory.svg)\n\n{_table(heads, rows)}"
    )


def spread(values: Sequence[float]) -> str:
    """Returns the median, with smallest and largest behind it where they differ."""
    low, middle, high = (
        f"{value:,.{_decimals(value)}f}"
        for value in (min(values), statistics.median(values), max(values))
    )
    return middle if low == high else f"{middle} ({low} to {high})"


def _decimals(value: float) -> int:
    return 2 if abs(value) < _TWO_DECIMALS_BELOW else 1


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in table)
