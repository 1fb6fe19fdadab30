"""The exit handler's words: what the cluster says, and what was published."""

import json

import pytest

from components.final_status.report import read_final_status


def status(state: str, message: str = "") -> str:
    return json.dumps(
        {
            "state": state,
            "error": {"message": message} if message else {},
            "pipelineJobResourceName": "projects/1/pipelineJobs/a",
        }
    )


@pytest.mark.parametrize("state", ["SUCCEEDED", "COMPLETE", "CACHED"])
def test_a_run_that_published_says_which_version(state):
    found = read_final_status(status(state), [3])

    assert (found.outcome, found.version, found.state) == ("published", 3, state)
    assert found.sentence == "published as version 3"
    assert found.run == "projects/1/pipelineJobs/a"


def test_a_run_that_published_nothing_does_not_look_like_one_that_did():
    found = read_final_status(status("SUCCEEDED"), [])

    assert (found.outcome, found.version) == ("not_published", None)
    assert found.sentence.startswith("every task succeeded, but nothing was published")


def test_a_failure_is_told_in_the_clusters_words():
    found = read_final_status(status("FAILED", "carrier: 'ZZ'"), [])

    assert (found.outcome, found.sentence) == ("failed", "FAILED: carrier: 'ZZ'")


def test_a_failure_of_which_the_cluster_says_nothing_points_to_the_log():
    # Kubeflow's backend leaves code and message empty.
    found = read_final_status(status("FAILED"), [])

    assert found.sentence == "FAILED; the log of the task that failed says why"


def test_a_run_that_failed_after_it_published_is_a_failure_with_a_version():
    found = read_final_status(status("CANCELLED"), [4])

    assert (found.outcome, found.version) == ("failed", 4)


@pytest.mark.parametrize("text", ["[]", "{}", '"FAILED"'])
def test_what_is_no_final_status_is_refused(text):
    with pytest.raises(ValueError, match=r"expected JSON with a state"):
        read_final_status(text, [])
