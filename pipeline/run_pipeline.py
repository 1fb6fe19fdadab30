"""One run from the YAML file to its outcome: what `slipway run` does."""

import dataclasses
import hashlib
import importlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.span_files import sha256_of
from data.spans import (
    DEFAULT_LAYOUT,
    SpanLayout,
    content_digest,
    list_spans,
    load_manifest,
    verify_span,
)
from pipeline import preflight, run_record
from pipeline.code_digest import code_digest
from pipeline.code_revision import read_code_revision
from pipeline.config import PipelineConfig, find_project_root, load_config
from pipeline.dag_inputs import DagInputs
from pipeline.exit_handlers import call_exit_handlers
from pipeline.feature_list import read_feature_list
from pipeline.local_runner import (
    START_LOG,
    RunInterruptedError,
    RunOptions,
    run_nodes,
)
from pipeline.metadata.run_check import check_metadata
from pipeline.node_processes import NODE_MODULE, NodeProcesses
from pipeline.run_config import RunConfig
from pipeline.run_listener import RunListener
from pipeline.run_liveness import alive, is_going_on
from pipeline.run_lock import preparing, running
from pipeline.run_record import (
    NodeResult,
    RunRecord,
    WorkDir,
    host_name,
    new_run_id,
    process_start,
)
from pipeline.run_values import RunValues
from pipeline.selection import Selection
from pipeline.source_digest import SourceSnapshot
from pipeline.work_dir import work_dir_for
from serving.bundle.contract import Span
from serving.server_check.server_binary import find_server_binary

PREPARE_NODE = "prepare_data"
INTERRUPTED_EXIT_CODE = 130
# 128 and SIGKILL, as a shell would say.
KILLED_EXIT_CODE = 137
WHOLE = Selection()


def run_pipeline(
    config_path: Path,
    overrides: dict[str, Any],
    listener: RunListener,
    *,
    selection: Selection = WHOLE,
    use_cache: bool = True,
) -> RunRecord:
    """Checks the configuration, prepares the data, runs the DAG, records all of it.

    Args:
        config_path: The YAML file.
        overrides: Dotted settings laid over the file's.
        listener: Is told about progress.
        selection: Which nodes to run.
        use_cache: False: every node runs, whatever the configuration says.

    Returns:
        The finished record; its exit_code says how it ended.

    Raises:
        ConfigError: Before any work, for a configuration that cannot work.
        WorkDirBusyError: Results are being removed from the work folder.
    """
    config = load_config(config_path, overrides)
    if not use_cache:
        config = dataclasses.replace(config, run=config.run.without_cache())
    make_importable(find_project_root(config_path))
    preflight.check_config(config)
    work_dir = work_dir_for(config)
    with running(work_dir):
        check_metadata(work_dir)
        with preparing(work_dir):
            conclude_killed_runs(work_dir)
        record = RunRecord(
            run_id=new_run_id(),
            pipeline=config.name,
            config_path=str(config_path.resolve()),
            settings=dataclasses.asdict(config),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            host=host_name(),
            pid=os.getpid(),
            pid_started=process_start(os.getpid()) or 0,
            selection=selection.words,
        )
        sources = SourceSnapshot(work_dir.cache / "imports.json")
        # Before they are imported, so that an edit from now on is noticed.
        sources.digests([NODE_MODULE])
        code = read_code_revision(find_project_root(config_path))
        options = RunOptions(
            settings=config.run,
            values=RunValues(run_id=record.run_id, code=code),
            sources=sources,
            selection=selection,
        )
        processes = NodeProcesses(work_dir.log_path(record.run_id, START_LOG))
        if not any(work_dir.cache.glob("dags/*")):
            # The libraries load while the data is prepared.
            processes.start_server()
        started = time.monotonic()
        with (
            alive(work_dir, record.run_id),
            _recorded(record, work_dir, config.run, started),
        ):
            _run(record, config, work_dir, processes, options, listener)
    return record


def conclude_killed_runs(work_dir: WorkDir) -> None:
    """Ends the records of runs whose process was killed, and tells their handlers."""
    for record in work_dir.list_runs():
        if record.state != run_record.RUNNING or is_going_on(work_dir, record):
            continue
        record.state, record.exit_code = run_record.INTERRUPTED, KILLED_EXIT_CODE
        record.reason = "its process was killed; what is complete stays so"
        record.nodes = [
            dataclasses.replace(node, state="interrupted")
            if node.state == "running"
            else node
            for node in record.nodes
        ]
        work_dir.write(record)
        settings = record.settings.get("run", {})
        record.exit_problems = call_exit_handlers(
            work_dir,
            record.run_id,
            settings.get("on_exit", ()),
            settings.get("on_exit_timeout_s", RunConfig().on_exit_timeout_s),
        )
        work_dir.write(record)


def make_importable(project_root: Path) -> None:
    """Lets dotted paths of the configuration name modules below its project root."""
    folder = str(project_root)
    if folder in sys.path:
        return
    sys.path.append(folder)
    # The fork server and what it starts inherit the environment, not sys.path.
    known = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{known}{os.pathsep}{folder}" if known else folder


@contextmanager
def _recorded(
    record: RunRecord, work_dir: WorkDir, settings: RunConfig, started: float
) -> Iterator[None]:
    """Keeps run.json true at the start and at any end, and tells the exit handlers."""
    work_dir.write(record)
    try:
        yield
        conclude(record)
    except (KeyboardInterrupt, RunInterruptedError):
        record.state, record.exit_code = run_record.INTERRUPTED, INTERRUPTED_EXIT_CODE
        record.reason = (
            "interrupted; the next run goes on from the nodes that are complete"
        )
    except (Exception, SystemExit) as error:
        record.state, record.reason = run_record.FAILED, str(error)
        record.exit_code = getattr(error, "exit_code", 1)
        raise
    finally:
        record.wall_s = time.monotonic() - started
        work_dir.write(record)
        if settings.on_exit:
            record.exit_problems = call_exit_handlers(
                work_dir, record.run_id, settings.on_exit, settings.on_exit_timeout_s
            )
            work_dir.write(record)


def _run(
    record: RunRecord,
    config: PipelineConfig,
    work_dir: WorkDir,
    processes: NodeProcesses,
    options: RunOptions,
    listener: RunListener,
) -> None:
    with preparing(work_dir):
        prepare_spans(config, listener)
    spans = config.data.spans.select(
        list_spans(Path(config.data.input_base), config.data.layout())
    )
    preflight.check_data(config, spans)
    record.spans = spans
    schema_file = Path(config.validation.schema)
    described = describe_spans(
        Path(config.data.input_base), spans, config.data.layout()
    )
    record.span_digests = {str(span.span): span.digest for span in described}
    record.code_digest = code_digest(config, options.sources)
    server_binary = find_server_binary(config.deployment.server_binary)
    inputs = DagInputs(
        config=config,
        spans=described,
        features=read_feature_list(config.train.features).keys,
        data_digest=content_digest((span.span, span.digest) for span in described),
        schema_digest=hashlib.sha256(schema_file.read_bytes()).hexdigest(),
        csv_kinds=(
            # A CSV file may write event times as text; pyarrow recognizes them.
            preflight.csv_kinds(schema_file, leave_out=[config.data.event_time])
            if config.data.format == "csv"
            else {}
        ),
        pipeline_root=str(work_dir.artifacts),
        metadata_path="" if work_dir.server else str(work_dir.metadata_path),
        server_binary=server_binary,
        server_digest=sha256_of(Path(server_binary)) if server_binary else "",
    )
    run_nodes(record, work_dir, processes, inputs, options, listener)


def prepare_spans(config: PipelineConfig, listener: RunListener) -> None:
    """Has the data's own function write the spans that are not there yet."""
    if config.data.prepare is None:
        return
    listener.on_start(PREPARE_NODE)
    started = time.monotonic()
    module, _, function = config.data.prepare.rpartition(".")
    getattr(importlib.import_module(module), function)(Path(config.data.input_base))
    wall_s = time.monotonic() - started
    listener.on_end(NodeResult(node_id=PREPARE_NODE, state="done", wall_s=wall_s))


def describe_spans(
    input_base: Path, spans: list[int], layout: SpanLayout = DEFAULT_LAYOUT
) -> list[Span]:
    """Returns number, digest and rows of each span, for the model's contract.

    Raises:
        SpanCorruptError: A file is not what its manifest says, whatever its size and
            time of change are.
    """
    for span in spans:
        verify_span(input_base, span, layout)
    manifests = [load_manifest(input_base, span, layout) for span in spans]
    return [
        Span(span=found.span, digest=found.digest, num_rows=found.num_rows)
        for found in manifests
    ]


def conclude(record: RunRecord) -> None:
    """Derives state, reason and exit code from the nodes' results."""
    failed = next((node for node in record.nodes if node.failure), None)
    if failed is not None and failed.failure is not None:
        record.exit_code = failed.failure.exit_code
        is_stop = record.exit_code == 3  # noqa: PLR2004 - DESIGN's exit code for anomalies
        record.state = run_record.STOPPED if is_stop else run_record.FAILED
        record.reason = f"{failed.node_id}: {failed.failure.message}"
        return
    if record.selection and record.node("pusher") is None:
        record.state, record.exit_code = run_record.PARTIAL, 0
        record.reason = (
            f"{record.selection}: the pusher was left out, nothing was pushed"
        )
        return
    pushed = record.properties("pusher", "pushed_model")
    if pushed.get("pushed") == 1:
        record.state, record.exit_code = run_record.PUSHED, 0
        record.reason = f"pushed as version {pushed['version']}"
        if pushed.get("is_held") == 1:
            record.reason += f", held back: slipway promote {pushed['version']}"
    elif "version" in pushed:
        record.state, record.exit_code = run_record.UNCHANGED, 0
        record.reason = f"nothing to push: {pushed['reason']}"
    else:
        record.state, record.exit_code = run_record.NOT_BLESSED, 4
        record.reason = _refusal(record, pushed)


def _refusal(record: RunRecord, pushed: dict[str, Any]) -> str:
    verdict = record.properties("quality_gate", "blessing")
    infra = record.properties("serving_validator", "blessing")
    reasons = []
    if verdict.get("blessed") != 1:
        reasons.append(str(verdict.get("verdict", "the quality gate gave no verdict")))
    if infra.get("blessed") != 1:
        reasons.append(f"the model cannot be served: {infra.get('reason', 'unknown')}")
    return "; ".join(reasons) or str(pushed.get("reason", "the pusher did not run"))
