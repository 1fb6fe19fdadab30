"""The error of a worker is told as if it had been raised in the node."""

import pytest

from pipeline.beam_engine.worker_errors import failure_in_worker, job_failure
from pipeline.node_answer import describe_failure
from pipeline.run_record import NodeFailure

# As Flink 1.19 with Beam 2.62 gave it, frames left out.
TEXT = """Pipeline BeamApp-1 failed in state FAILED: java.lang.RuntimeException: Error \
received from SDK harness for instruction 5: Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1512, in DoFnRunner.process
  File "/src/rows.py", line 8, in read
    raise {name}("span 3: column 'x' is text,")
{kind}: span 3: column 'x' is text,
second line: a number was expected.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "sdk_worker.py", line 310, in _execute
    response = task()
               ^^^^^^
{kind}: span 3: column 'x' is text,
second line: a number was expected. [while running 'WriteShards']
"""
MESSAGE = "span 3: column 'x' is text,\nsecond line: a number was expected."


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (
            "data.errors.DataContractError",
            NodeFailure(kind="DataContractError", message=MESSAGE, exit_code=3),
        ),
        ("ValueError", NodeFailure(kind="ValueError", message=MESSAGE)),
        ("pyarrow.lib.ArrowInvalid", NodeFailure(kind="ArrowInvalid", message=MESSAGE)),
        ("data.errors.Gone", NodeFailure(kind="Gone", message=MESSAGE)),
    ],
    ids=["ours", "Python's", "a library's", "unknown"],
)
def test_the_workers_error_is_found(kind, failure):
    text = TEXT.format(kind=kind, name=kind.rpartition(".")[2])
    assert failure_in_worker(text) == failure
    assert describe_failure(RuntimeError(text)) == failure


def test_the_step_is_left_out_where_the_error_is_told_once():
    text = TEXT.format(kind="ValueError", name="ValueError")
    once = text.partition("\n\nDuring")[0] + " [while running 'WriteShards']\n"
    assert failure_in_worker(once) == NodeFailure(kind="ValueError", message=MESSAGE)


@pytest.mark.parametrize(
    "text",
    [
        (
            "Pipeline BeamApp-1 failed in state FAILED: "
            "java.util.concurrent.TimeoutException: Timeout has occurred: 20000 ms"
        ),
        (
            "Pipeline BeamApp-1 failed in state FAILED: org.apache.flink.runtime."
            "jobmanager.scheduler.NoResourceAvailableException: Could not acquire the "
            "minimum required resources."
        ),
    ],
)
def test_missing_slots_are_told_in_words(text):
    failure = describe_failure(RuntimeError(text))
    assert failure == NodeFailure(
        kind="NoSlots",
        message="Flink did not get the slots that the job needs in time: a task "
        "manager is gone, or others hold them. Look at the cluster, or set "
        "beam.flink.parallelism lower; then run again.",
    )


@pytest.mark.parametrize(
    "text",
    [
        "Pipeline BeamApp-1 failed in state FAILED: java.io.IOException: no buffers",
        "Traceback (most recent call last):\nValueError: of the node itself",
        "Error received from SDK harness for instruction 5: it went away",
    ],
)
def test_other_texts_are_left_as_they_are(text):
    assert failure_in_worker(text) is None
    expected = NodeFailure(kind="RuntimeError", message=text)
    assert describe_failure(RuntimeError(text)) == expected


KEPT = "scores keeps every part that is complete; the same command goes on."


def test_a_scoring_job_fails_with_what_its_worker_raised():
    kind = "data.errors.DataContractError"
    failure = job_failure(RuntimeError(TEXT.format(kind=kind, name="D")), KEPT)
    assert str(failure) == f"{MESSAGE} {KEPT}"
    assert failure.exit_code == 3


def test_a_job_that_failed_for_another_reason_says_it_in_one_line():
    text = "Pipeline BeamApp-1 failed in state FAILED: java.io.IOException: no buffers"
    failure = job_failure(RuntimeError(f"{text}\n\tat java.lang.Thread"), KEPT)
    assert str(failure) == f"{text} {KEPT}"
    assert failure.exit_code == 1


def test_an_error_of_ours_is_no_jobs():
    assert job_failure(ValueError("rows"), KEPT) is None
