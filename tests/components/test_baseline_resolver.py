"""The baseline is the newest blessed model before the candidate."""

from pathlib import Path

import pytest
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.baseline_resolver.strategy import (
    PreviousBlessedModelStrategy,
    pick_baseline,
)


def model(number):
    artifact = Model()
    artifact.id = number
    return artifact


def blessing(number, blessed=1):
    artifact = ModelBlessing()
    artifact.set_int_custom_property("current_model_id", number)
    artifact.set_int_custom_property("blessed", blessed)
    return artifact


MODELS = [model(1), model(2), model(3)]


@pytest.mark.parametrize(
    ("candidates", "blessings", "expected"),
    [
        ({3}, [blessing(1), blessing(2)], [2]),
        ({3}, [blessing(1), blessing(2), blessing(3)], [2]),
        ({3}, [blessing(1), blessing(2, blessed=0)], [1]),
        ({2}, [blessing(1), blessing(2), blessing(3)], [1]),
        ({1}, [blessing(1)], []),
        ({3}, [], []),
    ],
    ids=[
        "newest blessed",
        "not the candidate itself",
        "not one that failed",
        "not one made later",
        "none before the first",
        "none blessed",
    ],
)
def test_baseline_is(candidates, blessings, expected):
    picked = pick_baseline(candidates, list(MODELS), blessings)
    assert [artifact.id for artifact in picked["model"]] == expected
    assert len(picked["model_blessing"]) == len(expected)


def test_model_on_another_machines_disk_is_no_baseline(tmp_path):
    """Runners that share their metadata do not share their disks."""
    made = {number: (model(number), blessing(number)) for number in (1, 2, 3)}
    for number, pair in made.items():
        for artifact in pair:
            artifact.uri = str(tmp_path / artifact.type_name / str(number))
            if number != 2:
                Path(artifact.uri).mkdir(parents=True)
    models, blessings = zip(*made.values(), strict=True)
    picked = PreviousBlessedModelStrategy().resolve_artifacts(
        None,
        {
            "candidate": [made[3][0]],
            "model": list(models),
            "model_blessing": list(blessings),
        },
    )
    assert [artifact.id for artifact in picked["model"]] == [1]
