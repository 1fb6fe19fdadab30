"""Refuses a run that cannot work, before any work: every problem at once.

Light: neither TensorFlow, TFX nor Beam is imported; all of it takes about a second.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from data.errors import list_in_words
from pipeline.beam_engine.problems import find_problems
from pipeline.config import PipelineConfig, named_columns
from pipeline.dotted_path import DottedPathError, require_function
from pipeline.feature_list import FeatureList, read_feature_list
from pipeline.schema_file import SERVING, CuratedSchema, read_schema
from pipeline.settings_loader import ConfigError, did_you_mean

_GIB = 1024**3


class PreflightError(ConfigError):
    """A configuration or data that no run can work with.

    Attributes:
        problems: One sentence or two for each: setting, value, what was expected.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"- {problem}" for problem in self.problems)
        single = len(self.problems) == 1
        super().__init__(
            self.problems[0] if single else f"{len(self.problems)} problems:\n{lines}"
        )


def check_config(config: PipelineConfig) -> None:
    """Checks schema, code, features and folders that the configuration names.

    Raises:
        PreflightError: With every problem found.
    """
    problems = []
    try:
        schema = read_schema(Path(config.validation.schema))
    except ConfigError as error:
        problems.append(str(error))
    else:
        problems += _column_problems(config, schema)
        problems += _feature_problems(config, schema)
    problems += _code_problems(config)
    problems += _folder_problems(config)
    problems += _binary_problems(config.deployment.server_binary)
    problems += find_problems(config.beam, _worker_folders(config))
    if problems:
        raise PreflightError(problems)


def check_data(config: PipelineConfig, spans: Sequence[int]) -> None:
    """Checks the spans of a run: there, enough, and holding the columns it needs.

    Only the first file of each span is opened, its header or footer read. Features
    are left to AnomalyGate, whose judgement the schema and `severities` rule.

    Args:
        config: A configuration that passed `check_config`.
        spans: What `config.data.spans` selects of the spans that exist.

    Raises:
        PreflightError: With every problem found.
    """
    # Imported here: pyarrow takes half a second.
    from pipeline.preflight_data import find_data_problems

    schema = read_schema(Path(config.validation.schema))
    problems = find_data_problems(config, spans, schema)
    if problems:
        raise PreflightError(problems)


def csv_kinds(schema_path: Path, leave_out: Collection[str] = ()) -> dict[str, str]:
    """Returns each column's "int", "float" or "bytes", as the curated schema says.

    Args:
        schema_path: The schema.pbtxt.
        leave_out: Columns whose type is better inferred: an event time written as
            "2013-01-01T10:15:00Z" cannot be read as the whole number it becomes.

    Raises:
        ConfigError: The schema is missing or does not parse.
    """
    kinds = read_schema(schema_path).kinds
    return {name: kind for name, kind in kinds.items() if name not in leave_out}


def _column_problems(config: PipelineConfig, schema: CuratedSchema) -> Iterator[str]:
    for setting, column in named_columns(config):
        if column not in schema.kinds:
            yield (
                f"{setting} is {column!r}; expected a feature of {schema.name}."
                f"{did_you_mean(column, schema.kinds)}"
            )
    label = config.data.label
    if schema.kinds.get(label) == "bytes":
        yield f"data.label is {label!r}, which is BYTES in {schema.name}; expected INT."
    if label in schema.serving:
        yield (
            f"data.label is {label!r}, which {schema.name} expects in requests too. "
            f'Add not_in_environment: "{SERVING}" to that feature.'
        )
    for column in config.evaluation.slices:
        if schema.kinds.get(column) == "float":
            yield (
                f"evaluation.slices names {column!r}, which is FLOAT in {schema.name} "
                "and has too many values to look at one by one; expected INT or BYTES."
            )


def _feature_problems(config: PipelineConfig, schema: CuratedSchema) -> Iterator[str]:
    module_name = config.train.features
    subject = f"train.features is {module_name!r}; "
    try:
        features = read_feature_list(module_name)
    except DottedPathError as error:
        yield subject + str(error)
        return
    missing = [key for key in features.keys if key not in schema.kinds]
    if missing:
        yield (
            f"{subject}its FEATURE_KEYS names {list_in_words(missing)}; expected "
            f"features of {schema.name}.{did_you_mean(missing[0], schema.kinds)}"
        )
    unserved = [
        key
        for key in features.keys
        if key in schema.kinds and key not in schema.serving
    ]
    if unserved:
        yield (
            f"{subject}its FEATURE_KEYS names {list_in_words(unserved)}, which "
            f"{schema.name} keeps out of environment {SERVING}: no request would "
            "hold them."
        )
    yield from _leak_problems(config, features)


def _leak_problems(config: PipelineConfig, features: FeatureList) -> Iterator[str]:
    data, module_name = config.data, config.train.features
    if features.label != data.label:
        yield (
            f"data.label is {data.label!r}, but {module_name}.LABEL_KEY is "
            f"{features.label!r}; expected the same column."
        )
    reasons = {
        data.key: "data.key, which names a row and says nothing about another",
        data.event_time: "data.event_time, which no later row has again",
        features.label: "LABEL_KEY: the model would be told the answer",
        data.label: "data.label: the model would be told the answer",
    }
    for column, reason in reasons.items():
        if column in features.keys:
            holder = f"{module_name}.FEATURE_KEYS"
            yield f"{holder} holds {column!r}, the {reason}. Remove it."


def _code_problems(config: PipelineConfig) -> Iterator[str]:
    paths = {
        "data.prepare": config.data.prepare,
        "transform.preprocessing_fn": config.transform.preprocessing_fn,
        "train.run_fn": config.train.run_fn,
        "tune.tuner_fn": config.tune.tuner_fn if config.tune.enabled else None,
    }
    for index, handler in enumerate(config.run.on_exit):
        paths[f"run.on_exit[{index}]"] = handler
    for setting, dotted_path in paths.items():
        if dotted_path is None:
            continue
        try:
            require_function(dotted_path)
        except DottedPathError as error:
            yield f"{setting} is {dotted_path!r}; {error}"


def _folder_problems(config: PipelineConfig) -> Iterator[str]:
    folders = {
        "work_dir": config.work_dir,
        "deployment.model_base_path": config.deployment.model_base_path,
    }
    full_devices = set()
    for setting, folder in folders.items():
        existing = _nearest_existing(Path(folder))
        refusal = _why_not_writable(existing)
        if refusal is not None:
            yield f"{setting} is {folder!r}; expected a folder to write to: {refusal}."
            continue
        free_gib = shutil.disk_usage(existing).free / _GIB
        device = existing.stat().st_dev
        if free_gib < config.min_free_disk_gib and device not in full_devices:
            full_devices.add(device)
            yield (
                f"{setting} is {folder!r}, where {free_gib:.1f} GiB are free; expected "
                f"{config.min_free_disk_gib:.1f} GiB (min_free_disk_gib). Free some "
                "space or choose another folder."
            )


def _worker_folders(config: PipelineConfig) -> dict[str, str]:
    """Returns the folders that Beam's workers read and write, by their settings."""
    return {"work_dir": config.work_dir, "data.input_base": config.data.input_base}


def _binary_problems(path: str | None) -> Iterator[str]:
    if path is None or (Path(path).is_file() and os.access(path, os.X_OK)):
        return
    problem = "is not executable" if Path(path).is_file() else "is no file"
    yield (
        f"deployment.server_binary is {path!r}, which {problem}; expected a "
        "tensorflow_model_server, or null for the one on PATH or our own."
    )


def _nearest_existing(path: Path) -> Path:
    # Not Path.exists: it raises below a folder that may not be searched.
    return next(
        folder for folder in (path, *path.parents) if os.access(folder, os.F_OK)
    )


def _why_not_writable(folder: Path) -> str | None:
    """Writes a file for a moment: permissions, quotas and read-only mounts all show."""
    if not folder.is_dir():
        return f"{folder} is a file"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{folder} refuses: {error.strerror}"
