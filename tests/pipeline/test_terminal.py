"""What a person reads when a run has ended."""

import io

from rich.console import Console

from pipeline.outcome import read_outcome
from pipeline.run_record import NodeResult, RunRecord
from pipeline.terminal import print_outcome


def printed(record):
    output = io.StringIO()
    print_outcome(Console(file=output, width=120), record, read_outcome(record))
    return output.getvalue()


def test_problems_of_exit_handlers_are_told_beside_the_outcome():
    record = RunRecord(
        run_id="20261120-104512-3fa2b7",
        pipeline="flights",
        config_path="flights.yaml",
        settings={},
        state="partial",
        reason="--only trainer: the pusher was left out, nothing was pushed",
        nodes=[
            NodeResult(node_id="transform", state="reused"),
            NodeResult(node_id="trainer", state="done", wall_s=12.3),
        ],
        exit_problems=["mycase.notify.tell failed with exit code 1."],
    )
    text = printed(record)
    assert "PARTIAL  --only trainer: the pusher was left out" in text
    assert "on_exit mycase.notify.tell failed with exit code 1." in text
    assert "= reused" in text
    assert "12.3 s" in text
