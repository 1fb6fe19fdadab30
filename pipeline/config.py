"""The configuration of one pipeline, read from one YAML file.

Relative paths count from the project root: the nearest folder above the YAML file
that holds a setup.py or pyproject.toml, or else the file's own folder. A pipeline that
came with the installed package has no such folder: its schema lies beside the package,
and what a run reads and writes counts from the working directory.
"""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.beam_engine.beam_config import BeamConfig, with_absolute_paths
from pipeline.cluster_config import ClusterConfig
from pipeline.metadata_config import MetadataConfig, MetadataTls
from pipeline.retraining.policy import RetrainingConfig
from pipeline.run_config import RunConfig
from pipeline.settings_loader import ConfigError, build_settings
from pipeline.stage_configs import (
    DataConfig,
    DeploymentConfig,
    EvaluationConfig,
    TrainConfig,
    TransformConfig,
    TuneConfig,
    ValidationConfig,
    require,
    require_at_least,
)
from serving.monitoring.monitor_settings import MonitorSettings

# Where this package lies: in a checkout, or among installed packages.
_INSTALL_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineConfig:
    """Everything about one pipeline.

    Attributes:
        name: Name of the pipeline and of the model: letters, digits, _ and -.
        work_dir: Folder for metadata, artifacts, logs and run records.
        seed: For every random choice of the run.
        min_free_disk_gib: Free space a run asks for before it starts, in GiB.
        run: How nodes are run on this machine.
        beam: Which engine does the work on rows.
        metadata: Where ML Metadata is kept.
        cluster: What a cluster sees; only for `slipway compile`.
        monitoring: What `slipway monitor` looks at.
        retraining: When `slipway retrain` and `slipway watch` train again.
    """

    name: str
    work_dir: str
    seed: int = 0
    min_free_disk_gib: float = 2.0
    run: RunConfig = field(default_factory=RunConfig)
    beam: BeamConfig = field(default_factory=BeamConfig)
    metadata: MetadataConfig = field(default_factory=MetadataConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    data: DataConfig
    validation: ValidationConfig
    transform: TransformConfig
    train: TrainConfig
    tune: TuneConfig = field(default_factory=TuneConfig)
    evaluation: EvaluationConfig
    deployment: DeploymentConfig
    monitoring: MonitorSettings = field(default_factory=MonitorSettings)
    retraining: RetrainingConfig = field(default_factory=RetrainingConfig)

    def __post_init__(self) -> None:
        require(
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", self.name) is not None,
            f"name is {self.name!r}; expected a letter, then letters, digits, _ or -.",
        )
        require_at_least("seed", self.seed, 0)
        require_at_least("min_free_disk_gib", self.min_free_disk_gib, 0)
        special = {
            "key": self.data.key,
            "event_time": self.data.event_time,
            "label": self.data.label,
        }
        for name, column in special.items():
            require(
                column not in self.evaluation.slices,
                f"evaluation.slices names {column!r}, which is the data's {name}.",
            )
        window, evaluated = self.retraining.window_spans, self.data.split.eval_spans
        require(
            window is None or evaluated is None or window > evaluated,
            f"retraining.window_spans is {window!r}, of which data.split.eval_spans "
            f"takes {evaluated!r} to evaluate on; expected at least one more to train.",
        )


def named_columns(config: PipelineConfig) -> list[tuple[str, str]]:
    """Returns (setting, column) for each column of the data that a setting names."""
    data = config.data
    slices = [("evaluation.slices", column) for column in config.evaluation.slices]
    return [
        ("data.key", data.key),
        ("data.event_time", data.event_time),
        ("data.label", data.label),
        *([("data.split.column", data.split.column)] if data.split.column else []),
        *slices,
    ]


def find_project_root(config_path: Path) -> Path:
    """Returns the folder that code and the schema of this configuration count from."""
    folder = config_path.resolve().parent
    if _is_shipped(folder):
        return _INSTALL_ROOT
    for candidate in (folder, *folder.parents):
        if _is_project(candidate):
            return candidate
    return folder


def find_data_root(config_path: Path) -> Path:
    """Returns the folder that data, runs and models of this configuration count from.

    It is the project's, but for a pipeline of the installed package: nothing is written
    beside installed code.
    """
    if _is_shipped(config_path.resolve().parent):
        return Path.cwd()
    return find_project_root(config_path)


def _is_shipped(folder: Path) -> bool:
    return folder.is_relative_to(_INSTALL_ROOT) and not _is_project(_INSTALL_ROOT)


def _is_project(folder: Path) -> bool:
    return (folder / "setup.py").exists() or (folder / "pyproject.toml").exists()


def load_config(
    config_path: Path, overrides: dict[str, Any] | None = None
) -> PipelineConfig:
    """Reads one YAML file into a PipelineConfig with absolute paths.

    Args:
        config_path: The YAML file.
        overrides: Dotted setting to value, laid over the file's, for example
            {"data.spans.last": 6}.

    Raises:
        ConfigError: The file is missing, is not YAML, or holds a setting that is
            unknown, of another type or impossible.
    """
    if not config_path.is_file():
        raise ConfigError(f"there is no configuration file {str(config_path)!r}.")
    try:
        values = _read_yaml(config_path)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: not UTF-8, or a date that no calendar has.
        raise ConfigError(f"{config_path} is not valid YAML: {error}") from error
    for name, value in (overrides or {}).items():
        _override(values, name, value)
    config = build_settings(PipelineConfig, values)
    return _with_absolute_paths(
        config, find_project_root(config_path), find_data_root(config_path)
    )


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key given twice, of which YAML would silently keep the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return node


def _read_yaml(config_path: Path) -> Any:
    """Returns the file's values; an empty file counts as an empty mapping."""
    with config_path.open(encoding="utf-8") as file:
        values = yaml.load(file, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    return {} if values is None else values


def _override(values: Any, name: str, value: Any) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        if not isinstance(values, dict):
            raise ConfigError(f"unknown setting {name}.")
        if values.get(parent) is None:
            values[parent] = {}
        values = values[parent]
    if not isinstance(values, dict):
        raise ConfigError(f"unknown setting {name}.")
    values[last] = value


def _with_absolute_paths(
    config: PipelineConfig, project_root: Path, data_root: Path
) -> PipelineConfig:
    def absolute_if_given(path: str | None) -> str | None:
        return absolute(path) if path else None

    def absolute(path: str, root: Path = data_root) -> str:
        try:
            return str((root / Path(path).expanduser()).absolute())
        except RuntimeError as error:  # ~name of a user that this machine lacks
            raise ConfigError(f"path {path!r} cannot be resolved: {error}") from error

    return dataclasses.replace(
        config,
        work_dir=absolute(config.work_dir),
        beam=with_absolute_paths(config.beam, absolute),
        data=dataclasses.replace(
            config.data, input_base=absolute(config.data.input_base)
        ),
        validation=dataclasses.replace(
            config.validation,
            schema=absolute(config.validation.schema, project_root),
        ),
        deployment=dataclasses.replace(
            config.deployment,
            model_base_path=absolute(config.deployment.model_base_path),
            server_binary=absolute_if_given(config.deployment.server_binary),
        ),
        metadata=dataclasses.replace(
            config.metadata,
            password_file=absolute_if_given(config.metadata.password_file),
            tls=MetadataTls(
                ca=absolute_if_given(config.metadata.tls.ca),
                cert=absolute_if_given(config.metadata.tls.cert),
                key=absolute_if_given(config.metadata.tls.key),
            ),
        ),
    )
