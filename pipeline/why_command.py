"""`slipway why`: why a node ran, or did not, in one sentence."""

from typing import Annotated

import typer

from pipeline.pipeline_argument import find_run, work_dir_of
from pipeline.run_record import NodeResult, RunRecord, WorkDir
from pipeline.settings_loader import ConfigError, did_you_mean

RETRAIN = "retrain"


def why(
    node_id: Annotated[
        str,
        typer.Argument(
            metavar="NODE",
            help="A node of the DAG, such as trainer; or retrain: why there was a new "
            "training, or none.",
        ),
    ],
    run_id: Annotated[
        str, typer.Option("--run", metavar="RUN", help="A run's id, or 'last'.")
    ] = "last",
    pipeline: Annotated[
        str, typer.Option(help="The pipeline the run belongs to.")
    ] = "flights",
    last: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="With retrain: this many decisions."),
    ] = 10,
) -> None:
    """Says why a node ran or did not: which part of its key changed, from what to what.

    Examples: slipway why trainer, or slipway why transform --run 20261120-104512-3fa2,
    or slipway why retrain
    """
    work_dir = work_dir_of(pipeline)
    if node_id == RETRAIN:
        _why_retrain(work_dir, last)
        return
    record = find_run(work_dir, run_id)
    node = record.node(node_id)
    if node is None:
        known = [each.node_id for each in record.nodes]
        raise ConfigError(
            f"run {record.run_id} has no node {node_id!r}; it has {', '.join(known)}."
            f"{did_you_mean(node_id, known)}"
        )
    typer.echo(sentence(record, node))
    for detail in node.details:
        typer.echo(f"  also: {detail}")


def _why_retrain(work_dir: WorkDir, last: int) -> None:
    from pipeline.retraining.decision_ledger import ledger_of
    from pipeline.retraining.words import ledger_in_words

    for line in ledger_in_words(ledger_of(work_dir).read(), last):
        typer.echo(line)


def sentence(record: RunRecord, node: NodeResult) -> str:
    """Returns why a node of a run ran or did not."""
    if node.why:
        return node.why
    if node.state == "not run":
        return f"{node.node_id} did not run: {_what_came_first(record)}."
    return (
        f"run {record.run_id} does not say why {node.node_id} ran: it was made by an "
        "early version."
    )


def _what_came_first(record: RunRecord) -> str:
    failed = [node for node in record.nodes if node.failure is not None]
    if failed and failed[0].failure is not None:
        return f"{failed[0].node_id} failed before it, {failed[0].failure.message}"
    return f"the run ended before it ({record.reason or record.state})"
