"""One run from the YAML file to its outcome: what `slipway run` does."""

import dataclasses
import hashlib
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.spans import list_spans, load_manifest
from pipeline import preflight, run_record
from pipeline.code_revision import read_code_revision
from pipeline.config import PipelineConfig, find_project_root, load_config
from pipeline.feature_list import read_feature_list
from pipeline.local_runner import (
    NodeProcesses,
    RunInterruptedError,
    RunListener,
    exclusive,
    run_nodes,
)
from pipeline.run_record import NodeResult, RunRecord, WorkDir, new_run_id
from serving.bundle.contract import Span

PREPARE_NODE = "prepare_data"
INTERRUPTED_EXIT_CODE = 130


def run_pipeline(
    config_path: Path, overrides: dict[str, Any], listener: RunListener
) -> RunRecord:
    """Checks the configuration, prepares the data, runs the DAG, records all of it.

    Args:
        config_path: The YAML file.
        overrides: Dotted settings laid over the file's.
        listener: Is told about progress.

    Returns:
        The finished record; its exit_code says how it ended.

    Raises:
        ConfigError: Before any work, for a configuration that cannot work.
        WorkDirBusyError: Another run holds the work folder.
    """
    config = load_config(config_path, overrides)
    make_importable(find_project_root(config_path))
    preflight.check_config(config)
    work_dir = WorkDir(Path(config.work_dir))
    with exclusive(work_dir):
        record = RunRecord(
            run_id=new_run_id(),
            pipeline=config.name,
            config_path=str(config_path.resolve()),
            settings=dataclasses.asdict(config),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            pid=os.getpid(),
        )
        # The libraries load while the data is prepared.
        processes = NodeProcesses(work_dir.log_path(record.run_id, "start"))
        started = time.monotonic()
        with _recorded(record, work_dir, started):
            _run(record, config, work_dir, processes, listener)
    return record


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
def _recorded(record: RunRecord, work_dir: WorkDir, started: float) -> Iterator[None]:
    """Keeps run.json true at the start and at any end."""
    work_dir.write(record)
    try:
        yield
        conclude(record)
    except (KeyboardInterrupt, RunInterruptedError):
        record.state, record.exit_code = run_record.INTERRUPTED, INTERRUPTED_EXIT_CODE
        record.reason = (
            "interrupted; the next run goes on from the nodes that are complete"
        )
    except Exception as error:
        record.state, record.reason = run_record.FAILED, str(error)
        record.exit_code = getattr(error, "exit_code", 1)
        raise
    finally:
        record.wall_s = time.monotonic() - started
        work_dir.write(record)


def _run(
    record: RunRecord,
    config: PipelineConfig,
    work_dir: WorkDir,
    processes: NodeProcesses,
    listener: RunListener,
) -> None:
    # Imported here: the DAG's inputs are light, its components are not.
    from pipeline.dag_inputs import DagInputs

    prepare_spans(config, listener)
    spans = config.data.spans.select(list_spans(Path(config.data.input_base)))
    preflight.check_data(config, spans)
    record.spans = spans
    schema_file = Path(config.validation.schema)
    described = describe_spans(Path(config.data.input_base), spans)
    inputs = DagInputs(
        config=config,
        run_id=record.run_id,
        code=read_code_revision(find_project_root(Path(record.config_path))),
        spans=described,
        features=read_feature_list(config.train.features).keys,
        data_digest=data_digest(described),
        schema_digest=hashlib.sha256(schema_file.read_bytes()).hexdigest(),
        csv_kinds=(
            # A CSV file may write event times as text; pyarrow recognizes them.
            preflight.csv_kinds(schema_file, leave_out=[config.data.event_time])
            if config.data.format == "csv"
            else {}
        ),
        pipeline_root=str(work_dir.artifacts),
        metadata_path=str(work_dir.metadata_path),
    )
    run_nodes(record, work_dir, processes, inputs, listener)


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


def describe_spans(input_base: Path, spans: list[int]) -> list[Span]:
    """Returns number, digest and rows of each span, for the model's contract."""
    manifests = [load_manifest(input_base, span) for span in spans]
    return [
        Span(span=found.span, digest=found.digest, num_rows=found.num_rows)
        for found in manifests
    ]


def data_digest(spans: Sequence[Span]) -> str:
    """Returns the SHA-256 (hex) over the contents of all files of the spans."""
    digests = [[span.span, span.digest] for span in spans]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def conclude(record: RunRecord) -> None:
    """Derives state, reason and exit code from the nodes' results."""
    failed = next((node for node in record.nodes if node.failure), None)
    if failed is not None and failed.failure is not None:
        record.exit_code = failed.failure.exit_code
        is_stop = record.exit_code == 3  # noqa: PLR2004 - DESIGN's exit code for anomalies
        record.state = run_record.STOPPED if is_stop else run_record.FAILED
        record.reason = f"{failed.node_id}: {failed.failure.message}"
        return
    pushed = record.properties("pusher", "pushed_model")
    if pushed.get("pushed") == 1:
        record.state, record.exit_code = run_record.PUSHED, 0
        record.reason = f"pushed as version {pushed['version']}"
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
