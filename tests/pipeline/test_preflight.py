"""Preflight of the configuration: every problem at once, by exact text."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.preflight import PreflightError, check_config, csv_kinds

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / "models/flights/flights.yaml"


def test_sound_configuration_passes_and_leaves_nothing_behind(project):
    before = sorted(project.folder.iterdir())

    check_config(project.load())

    assert sorted(project.folder.iterdir()) == before
    assert "usecase.code" not in sys.modules


def test_flights_configuration_passes():
    check_config(load_config(FLIGHTS, {"min_free_disk_gib": 0}))


def test_all_problems_come_at_once(project, problems_of):
    config = project.load(
        data__label="lat", train__run_fn="usecase.code.runfn", data__key="ID"
    )

    with pytest.raises(PreflightError, match=r"^4 problems:\n- data\.key is 'ID'"):
        check_config(config)
    assert problems_of(check_config, config) == (
        "data.key is 'ID'; expected a feature of schema.pbtxt.",
        "data.label is 'lat'; expected a feature of schema.pbtxt. Did you mean 'late'?",
        (
            "data.label is 'lat', but usecase.features.LABEL_KEY is 'late'; "
            "expected the same column."
        ),
        (
            "train.run_fn is 'usecase.code.runfn'; module usecase.code defines no "
            "'runfn'. Did you mean 'run_fn'?"
        ),
    )


def test_single_problem_is_the_whole_message(project):
    with pytest.raises(PreflightError, match=r".") as caught:
        check_config(project.load(data__key="idd"))

    assert str(caught.value) == (
        "data.key is 'idd'; expected a feature of schema.pbtxt. Did you mean 'id'?"
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"data__event_time": "att"},
            (
                "data.event_time is 'att'; expected a feature of schema.pbtxt. "
                "Did you mean 'at'?"
            ),
        ),
        (
            {"evaluation__slices": ["orign"]},
            (
                "evaluation.slices is 'orign'; expected a feature of schema.pbtxt. "
                "Did you mean 'origin'?"
            ),
        ),
        (
            {"evaluation__slices": ["wind"]},
            (
                "evaluation.slices names 'wind', which is FLOAT in schema.pbtxt and "
                "has too many values to look at one by one; expected INT or BYTES."
            ),
        ),
        (
            {"data__prepare": "usecase.code.prepar"},
            (
                "data.prepare is 'usecase.code.prepar'; module usecase.code defines no "
                "'prepar'. Did you mean 'prepare'?"
            ),
        ),
        (
            {"transform__preprocessing_fn": "usecase.cod.preprocessing_fn"},
            (
                "transform.preprocessing_fn is 'usecase.cod.preprocessing_fn'; there "
                "is no module usecase.cod. Did you mean 'code'?"
            ),
        ),
        (
            {"tune__enabled": True, "tune__tuner_fn": "usecase.code.tuner"},
            (
                "tune.tuner_fn is 'usecase.code.tuner'; module usecase.code defines no "
                "'tuner'. Did you mean 'Tuner'?"
            ),
        ),
        (
            {"train__features": "usecase.feature"},
            (
                "train.features is 'usecase.feature'; there is no module "
                "usecase.feature. Did you mean 'features'?"
            ),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_setting_that_leads_nowhere_is_named(project, problems_of, overrides, message):
    assert problems_of(check_config, project.load(**overrides)) == (message,)


@pytest.mark.parametrize(
    ("mode", "problem"), [(None, "is no file"), (0o644, "is not executable")]
)
def test_server_binary_that_cannot_run_is_named(project, problems_of, mode, problem):
    if mode is not None:
        project.write("server", "#!/bin/sh").chmod(mode)
    path = project.folder / "server"
    assert problems_of(
        check_config, project.load(deployment__server_binary="server")
    ) == (
        (
            f"deployment.server_binary is {str(path)!r}, which {problem}; expected a "
            "tensorflow_model_server, or null for the one on PATH or our own."
        ),
    )
    project.write("server", "#!/bin/sh").chmod(0o755)
    check_config(project.load(deployment__server_binary="server"))


def test_tuner_is_not_looked_for_unless_tuning_is_enabled(project):
    check_config(project.load(tune__tuner_fn="no.such.tuner"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"wind"',
            '"wnd"',
            (
                "train.features is 'usecase.features'; its FEATURE_KEYS names wnd; "
                "expected features of schema.pbtxt. Did you mean 'wind'?"
            ),
        ),
        (
            'KEY = "late"',
            'KEY = "is_late"',
            (
                "data.label is 'late', but usecase.features.LABEL_KEY is 'is_late'; "
                "expected the same column."
            ),
        ),
        (
            '"origin"',
            '"origin", "id"',
            (
                "usecase.features.FEATURE_KEYS holds 'id', the data.key, which names a "
                "row and says nothing about another. Remove it."
            ),
        ),
        (
            '"origin"',
            '"origin", "at"',
            (
                "usecase.features.FEATURE_KEYS holds 'at', the data.event_time, which "
                "no later row has again. Remove it."
            ),
        ),
    ],
    ids=["unknown feature", "another label", "key", "event time"],
)
def test_feature_list_against_the_data_is_refused(
    project, problems_of, old, new, message
):
    project.replace("usecase/features.py", old, new)

    assert problems_of(check_config, project.load()) == (message,)


def test_label_among_the_features_is_a_leak(project, problems_of):
    project.replace("usecase/features.py", '"origin"', '"origin", "late"')

    assert problems_of(check_config, project.load()) == (
        (
            "train.features is 'usecase.features'; its FEATURE_KEYS names late, which "
            "schema.pbtxt keeps out of environment SERVING: no request would hold them."
        ),
        (
            "usecase.features.FEATURE_KEYS holds 'late', the data.label: the model "
            "would be told the answer. Remove it."
        ),
    )


def test_schema_problem_comes_with_the_others(project, problems_of):
    project.write("schema.pbtxt", "# nothing")

    first, second = problems_of(
        check_config, project.load(train__run_fn="usecase.code.f")
    )

    assert first.endswith("schema.pbtxt' holds no feature.")
    assert second.startswith("train.run_fn is 'usecase.code.f'; ")


def test_label_expected_in_requests_is_refused(project, problems_of):
    project.replace("schema.pbtxt", 'not_in_environment: "SERVING"', "")

    assert problems_of(check_config, project.load()) == (
        (
            "data.label is 'late', which schema.pbtxt expects in requests too. "
            'Add not_in_environment: "SERVING" to that feature.'
        ),
    )


def test_label_that_is_text_is_refused(project, problems_of):
    project.replace("schema.pbtxt", '"late" type: INT', '"late" type: BYTES')

    assert problems_of(check_config, project.load()) == (
        "data.label is 'late', which is BYTES in schema.pbtxt; expected INT.",
    )


@dataclass
class Usage:
    free: int


def test_full_disk_is_refused_once_with_both_numbers(project, problems_of, monkeypatch):
    monkeypatch.setattr(
        "pipeline.preflight.shutil.disk_usage", lambda _: Usage(free=3 * 2**29)
    )

    assert problems_of(check_config, project.load(min_free_disk_gib=2)) == (
        (
            f"work_dir is '{project.folder}/work', where 1.5 GiB are free; expected "
            "2.0 GiB (min_free_disk_gib). Free some space or choose another folder."
        ),
    )


def test_folders_that_cannot_be_written_are_refused(project, problems_of):
    work_dir = project.write("work", "")

    config = project.load(deployment__model_base_path="/proc/models")

    assert problems_of(check_config, config) == (
        (
            f"work_dir is '{work_dir}'; expected a folder to write to: "
            f"{work_dir} is a file."
        ),
        (
            "deployment.model_base_path is '/proc/models'; expected a folder to write "
            "to: /proc refuses: No such file or directory."
        ),
    )


def test_csv_kinds_follow_the_schema(project):
    assert csv_kinds(project.folder / "schema.pbtxt", leave_out=["at"]) == {
        "id": "bytes",
        "origin": "bytes",
        "hour": "int",
        "wind": "float",
        "late": "int",
    }


LIGHT_PROGRAM = """
import sys
from pathlib import Path
import pipeline.preflight_data, pipeline.doctor_view
from pipeline import doctor, preflight
from pipeline.config import load_config
preflight.check_config(load_config(Path(sys.argv[1]), {"min_free_disk_gib": 0}))
pipeline.doctor_view.render(doctor.examine())
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_preflight_and_doctor_import_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", LIGHT_PROGRAM, str(FLIGHTS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    imported = set(done.stdout.split())
    assert "pyarrow" in imported
    heavy = "tensorflow tfx tfx_bsl apache_beam tensorflow_transform keras pandas"
    validators = "tensorflow_data_validation tensorflow_model_analysis ml_metadata"
    assert not imported & {*heavy.split(), *validators.split()}
