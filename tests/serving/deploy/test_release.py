"""The steps of a release never name a version by a label before it is loaded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.deploy.errors import DeployError
from serving.deploy.release import release_steps

VERSIONS = st.integers(1, 2**62)


def test_the_first_release_is_one_step_with_both_labels():
    (step,) = release_steps(7, None)
    assert (step.name, step.versions) == ("1-load", (7,))
    assert step.labels == {"stable": 7, "canary": 7}


def test_a_release_loads_then_moves_canary_then_stable():
    steps = release_steps(7, 6)
    assert [step.name for step in steps] == ["1-load", "2-canary", "3-stable"]
    assert {step.versions for step in steps} == {(6, 7)}
    assert [dict(step.labels) for step in steps] == [
        {"stable": 6, "canary": 6},
        {"stable": 6, "canary": 7},
        {"stable": 7, "canary": 7},
    ]


@given(VERSIONS, VERSIONS)
def test_no_step_moves_a_label_to_a_version_it_loads_itself(version, from_version):
    if version == from_version:
        return
    loaded, labels = {from_version}, {"stable": from_version, "canary": from_version}
    for step in release_steps(version, from_version):
        moved = {label for label in labels if step.labels[label] != labels[label]}
        assert all(step.labels[label] in loaded for label in moved)
        assert set(step.labels.values()) <= set(step.versions)
        assert list(step.versions) == sorted(set(step.versions))
        loaded, labels = set(step.versions), dict(step.labels)


@pytest.mark.parametrize("from_version", [7, 0, -1])
def test_a_wrong_version_to_come_from_is_refused(from_version):
    with pytest.raises(DeployError, match=rf"--from-version is {from_version}"):
        release_steps(7, from_version)
