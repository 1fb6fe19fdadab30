"""Shows where models come from: as a tree for people, as JSON for machines."""

import dataclasses
import os
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from pipeline.lineage.chain import Chain, Step
from pipeline.lineage.metadata_facts import ArtifactFacts
from pipeline.lineage.span_readers import SpanReader
from pipeline.lineage.subjects import Subject

_DIGEST_DIGITS = 12


def print_lineage(console: Console, subject: Subject, chain: Chain) -> None:
    """Prints one bundle's origin: what the contract says, then the chain of nodes."""
    contract = subject.sealed.contract
    tree = Tree(_heading(subject))
    code, data, run = contract.run.code, contract.data, contract.run
    changed = ", with changes that are in no commit" if code.is_modified else ""
    tree.add(Text(f"run     {run.run_id} of pipeline {run.pipeline}"))
    tree.add(Text(f"code    {code.commit or 'unknown: no git checkout'}{changed}"))
    spans = tree.add(
        Text(
            f"data    {len(data.spans)} spans: {data.num_train_rows:,} rows to train, "
            f"{data.num_eval_rows:,} to evaluate, {data.num_unlabelled_rows:,} without "
            "a label"
        )
    )
    for span in data.spans:
        digest = span.digest[:_DIGEST_DIGITS]
        spans.add(Text(f"span {span.span:<4} {span.num_rows:>10,} rows  {digest}"))
    tree.add(Text(f"schema  {contract.schema_fingerprint[:_DIGEST_DIGITS]}"))
    verdict = tree.add(Text(f"verdict {contract.evaluation.verdict}"))
    verdict.add(Text(_metrics(subject)))
    if chain.steps:
        _add_chain(tree, chain)
    console.print(tree)
    for note in chain.notes:
        console.print(Text(f"! {note}", style="yellow"))


def print_span_readers(console: Console, span: int, readers: list[SpanReader]) -> None:
    """Prints a line for every model that has read a span."""
    if not readers:
        console.print(Text(f"no model has read span {span}."))
        return
    table = Table(
        title=f"models that have read span {span}", title_justify="left", box=None
    )
    table.add_column("version", justify="right")
    for heading in ("run", "span's digest", "model"):
        table.add_column(heading, no_wrap=True)
    table.add_column("", overflow="fold")
    for reader in readers:
        read, model = reader.contract_span, reader.model
        table.add_row(
            str(reader.version or "-"),
            reader.run_id,
            read.digest[:_DIGEST_DIGITS] if read else "",
            f"artifact {model.artifact_id}" if model else "",
            Text(reader.remark, style="yellow"),
        )
    console.print(table)


def lineage_as_json(subject: Subject, chain: Chain) -> dict[str, Any]:
    """Returns one bundle's origin as plain values."""
    contract = subject.sealed.contract
    return {
        "path": str(subject.path),
        "place": subject.place,
        "bundle_digest": subject.sealed.digest,
        "num_predictions": subject.num_predictions,
        "model": dataclasses.asdict(contract.model),
        "run": dataclasses.asdict(contract.run),
        "data": dataclasses.asdict(contract.data),
        "schema_fingerprint": contract.schema_fingerprint,
        "evaluation": dataclasses.asdict(contract.evaluation),
        "steps": [_step_as_json(step) for step in chain.steps],
        "compared_with": [_artifact_as_json(facts) for facts in chain.compared_with],
        "notes": list(chain.notes),
    }


def reader_as_json(reader: SpanReader) -> dict[str, Any]:
    """Returns one reader of a span as plain values."""
    read = reader.contract_span
    return {
        "version": reader.version,
        "run_id": reader.run_id,
        "path": str(reader.path) if reader.path else None,
        "contract_span": dataclasses.asdict(read) if read else None,
        "model": _artifact_as_json(reader.model) if reader.model else None,
        "remark": reader.remark,
    }


def _heading(subject: Subject) -> Text:
    model = subject.sealed.contract.model
    text = Text(f"{model.name} version {model.version}", style="bold")
    text.append(
        f"  {subject.place}, bundle {subject.sealed.digest[:_DIGEST_DIGITS]}, pushed "
        f"{model.pushed_at}",
        style="not bold",
    )
    if subject.num_predictions is not None:
        text.append(f"; made {subject.num_predictions:,} predictions")
    return text


def _metrics(subject: Subject) -> str:
    metrics = subject.sealed.contract.evaluation.metrics
    cells = [
        f"{metric.name} " + ("n/a" if metric.value is None else f"{metric.value:.5g}")
        for metric in metrics
    ]
    return ", ".join(cells) or "no metrics"


def _add_chain(tree: Tree, chain: Chain) -> None:
    uris = [facts.uri for step in chain.steps for facts in step.outputs]
    # One path is its own common path, and would leave nothing to show.
    root = os.path.commonpath(uris) if len(uris) > 1 else ""
    branch = tree.add(Text(f"made by (node, execution: artifacts <- inputs) in {root}"))
    table = Table.grid(padding=(0, 1))
    for step in chain.steps:
        table.add_row(*_step_cells(step, root))
    branch.add(table)
    for run_id, steps in _reused(chain).items():
        ids = ", ".join(str(step.execution.execution_id) for step in steps)
        branch.add(Text(f"= reused from the cache; run {run_id} made {ids}", "cyan"))
    for facts in chain.compared_with:
        tree.add(Text(f"compared with Model {facts.artifact_id}  {facts.uri}"))


def _step_cells(step: Step, root: str) -> tuple[Text, ...]:
    made = ", ".join(f"{facts.type_name} {facts.artifact_id}" for facts in step.outputs)
    inputs = ", ".join(str(facts.artifact_id) for facts in step.inputs)
    paths = [Text(facts.uri.removeprefix(root).lstrip("/")) for facts in step.outputs]
    execution = step.execution
    return (
        Text("=" if step.reused_by else " ", style="cyan"),
        Text(execution.node_id),
        Text(f"{execution.execution_id}: {made}{f' <- {inputs}' if inputs else ''}"),
        Text("\n").join(paths),
    )


def _reused(chain: Chain) -> dict[str, list[Step]]:
    """Returns the steps that came from the cache by the run that made them."""
    found: dict[str, list[Step]] = {}
    for step in chain.steps:
        if step.reused_by:
            found.setdefault(step.execution.run_id, []).append(step)
    return found


def _step_as_json(step: Step) -> dict[str, Any]:
    return {
        "node_id": step.execution.node_id,
        "execution_id": step.execution.execution_id,
        "run_id": step.execution.run_id,
        "reused_by": dataclasses.asdict(step.reused_by) if step.reused_by else None,
        "inputs": [facts.artifact_id for facts in step.inputs],
        "outputs": [_artifact_as_json(facts) for facts in step.outputs],
    }


def _artifact_as_json(facts: ArtifactFacts) -> dict[str, Any]:
    return {
        "artifact_id": facts.artifact_id,
        "type_name": facts.type_name,
        "uri": facts.uri,
        "is_there": facts.is_there,
    }
