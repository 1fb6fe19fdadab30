"""The configuration file: strict YAML, absolute paths, overrides."""

import textwrap
from pathlib import Path

import pytest

from pipeline.config import PipelineConfig, load_config, named_columns
from pipeline.settings_loader import ConfigError

YAML = """
name: flights
work_dir: var/flights
data: {input_base: var/spans, key: id, event_time: at, label: late}
validation: {schema: data/schema.pbtxt}
transform: {preprocessing_fn: models.flights.preprocessing.preprocessing_fn}
train: {run_fn: models.flights.trainer.run_fn, features: models.flights.features}
evaluation: {slices: [origin], thresholds: [{metric: auc, min: 0.6}]}
deployment: {model_base_path: var/models}
"""


def write(folder: Path, text: str = YAML) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def refusal(path: Path, overrides: dict | None = None) -> str:
    with pytest.raises(ConfigError, match=r".") as caught:
        load_config(path, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_relative_paths_count_from_the_nearest_project_root(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "models/flights").mkdir(parents=True)

    config = load_config(write(tmp_path / "models/flights"))

    assert paths_of(config) == [
        str(tmp_path / path)
        for path in ("var/flights", "var/spans", "data/schema.pbtxt", "var/models")
    ]


def test_relative_paths_count_from_the_file_when_there_is_no_project(tmp_path):
    config = load_config(write(tmp_path))

    assert config.work_dir == str(tmp_path / "var/flights")


def test_relative_paths_do_not_depend_on_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    from_here = load_config(Path("pipeline.yaml"))
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert load_config(Path("../pipeline.yaml")) == from_here


def test_pipeline_of_the_installed_package_writes_where_one_is(tmp_path, monkeypatch):
    site_packages = tmp_path / "project/.venv/site-packages"
    (site_packages / "models/flights").mkdir(parents=True)
    # The environment often lies in somebody's project, whose paths these are not.
    (tmp_path / "project/pyproject.toml").touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("pipeline.config._INSTALL_ROOT", site_packages)
    monkeypatch.chdir(tmp_path / "elsewhere")

    config = load_config(write(site_packages / "models/flights"))

    assert config.validation.schema == str(site_packages / "data/schema.pbtxt")
    assert config.work_dir == str(tmp_path / "elsewhere/var/flights")
    assert config.data.input_base == str(tmp_path / "elsewhere/var/spans")
    assert config.deployment.model_base_path == str(tmp_path / "elsewhere/var/models")


def test_absolute_and_home_paths_stay_what_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")

    config = load_config(
        write(tmp_path), {"work_dir": "/srv/flights", "data.input_base": "~/spans"}
    )

    assert config.work_dir == "/srv/flights"
    assert config.data.input_base == "/home/someone/spans"


def test_home_of_an_unknown_user_is_refused(tmp_path):
    assert refusal(write(tmp_path), {"work_dir": "~nobody-by-this-name/x"}) == (
        "path '~nobody-by-this-name/x' cannot be resolved: "
        "Could not determine home directory."
    )


def paths_of(config: PipelineConfig) -> list[str]:
    return [
        config.work_dir,
        config.data.input_base,
        config.validation.schema,
        config.deployment.model_base_path,
    ]


def test_server_binary_is_none_or_an_absolute_path(tmp_path):
    path = write(tmp_path)
    assert load_config(path).deployment.server_binary is None
    named = load_config(path, {"deployment.server_binary": "bin/server"})
    assert named.deployment.server_binary == str(tmp_path / "bin/server")


def test_overrides_lie_over_the_file(tmp_path):
    overrides = {"data.spans.last": 6, "seed": 7, "train.hyperparameters.units": [8]}

    config = load_config(write(tmp_path), overrides)

    assert config.data.spans.last == 6
    assert config.data.key == "id"
    assert config.seed == 7
    assert config.train.hyperparameters == {"units": [8]}


def test_overrides_fill_sections_left_empty(tmp_path):
    path = write(tmp_path, YAML + "tune:\n")

    assert load_config(path, {"tune.max_trials": 3}).tune.max_trials == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"dta.label": "x"},
            (
                "unknown setting dta; known settings are name, work_dir, seed, "
                "min_free_disk_gib, run, beam, metadata, cluster, data, validation, "
                "transform, train, tune, evaluation, deployment, monitoring, "
                "retraining. Did you mean 'data'?"
            ),
        ),
        ({"name.x": "y"}, "unknown setting name.x."),
        ({"name.x.y": "z"}, "unknown setting name.x.y."),
        ({"seed": "1"}, "seed is '1'; expected a whole number."),
        ({"seed": -1}, "seed is -1; expected at least 0."),
        ({"min_free_disk_gib": -1}, "min_free_disk_gib is -1.0; expected at least 0."),
        (
            {"name": "9 lives"},
            "name is '9 lives'; expected a letter, then letters, digits, _ or -.",
        ),
        (
            {"data.split": {"eval_spans": 1, "eval_fraction": 0.1}},
            "data.split.eval_spans and eval_fraction: give exactly one of the two.",
        ),
        (
            {"evaluation.slices": ["late"]},
            "evaluation.slices names 'late', which is the data's label.",
        ),
        (
            {
                "evaluation.thresholds": [
                    {"metric": "auc", "min": 0.6, "slice": "orign"}
                ]
            },
            (
                "evaluation.thresholds[0].slice is 'orign', which is not one of "
                "slices: origin. Did you mean 'origin'?"
            ),
        ),
        (
            {"evaluation.thresholds": [{"metric": "auk", "min": 0.6}]},
            (
                "evaluation.thresholds[0].metric is 'auk'; it can be auc, "
                "auc_precision_recall, binary_accuracy, binary_crossentropy, "
                "calibration, example_count, mean_label, mean_prediction. "
                "Did you mean 'auc'?"
            ),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refusal_names_the_dotted_setting(tmp_path, overrides, message):
    assert refusal(write(tmp_path), overrides) == message


def test_empty_file_lacks_the_first_setting(tmp_path):
    assert refusal(write(tmp_path, "# nothing\n")) == "setting name is missing."


def test_empty_file_takes_overrides(tmp_path):
    message = refusal(write(tmp_path, ""), {"name": "flights"})

    assert message == "setting work_dir is missing."


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "absent.yaml"

    assert refusal(path) == f"there is no configuration file {str(path)!r}."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name: a\nname: b\n", "'name' is given twice"),
        ("data: {key: a, label: b, key: c}\n", "'key' is given twice"),
        ("name: [\n", "line 2, column 1"),
        ("name: 2013-02-30\n", "day is out of range for month"),
        ("? [a]\n: b\n", "found unhashable key"),
    ],
    ids=["repeated", "repeated inside", "unfinished", "no such day", "list as a key"],
)
def test_text_that_is_not_strict_yaml_is_refused(tmp_path, text, reason):
    path = write(tmp_path, text)

    message = refusal(path)

    assert message.startswith(f"{path} is not valid YAML: ")
    assert reason in message


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_bytes(b"name: \xff\xfe\n")

    assert refusal(path).startswith(f"{path} is not valid YAML: 'utf-8' codec")


def test_merged_mappings_may_override_what_they_merge(tmp_path):
    text = YAML.replace("data: {", "data: {<<: {label: late, format: csv}, ")

    assert load_config(write(tmp_path, text)).data.format == "csv"


def test_named_columns_pair_each_column_with_its_setting(tmp_path):
    assert named_columns(load_config(write(tmp_path))) == [
        ("data.key", "id"),
        ("data.event_time", "at"),
        ("data.label", "late"),
        ("evaluation.slices", "origin"),
    ]
