"""Finds what the command line's PIPELINE and RUN stand for."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.run_record import RunRecord, WorkDir
from pipeline.settings_loader import ConfigError

PipelineArgument = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A pipeline's name, such as flights, or the path of its YAML file.",
    ),
]


def find_config(pipeline: str) -> Path:
    """Returns the YAML file of a pipeline given by name or by path.

    Raises:
        ConfigError: There is none; names those that exist.
    """
    if pipeline.endswith((".yaml", ".yml")) or "/" in pipeline:
        return Path(pipeline)
    models = Path(__file__).resolve().parents[1] / "models"
    path = models / pipeline / f"{pipeline}.yaml"
    if not path.exists():
        known = sorted(entry.stem for entry in models.glob("*/*.yaml"))
        raise ConfigError(
            f"there is no pipeline {pipeline!r}; there are {', '.join(known)}. "
            "A path of a YAML file works too."
        )
    return path


def work_dir_of(pipeline: str) -> WorkDir:
    """Returns the work folder that a pipeline's configuration names."""
    from pipeline.config import load_config
    from pipeline.work_dir import work_dir_for

    return work_dir_for(load_config(find_config(pipeline)))


def find_run(work_dir: WorkDir, run_id: str) -> RunRecord:
    """Returns a run by its id, or the newest for "last".

    Raises:
        ConfigError: There is no such run; names the newest.
    """
    known = work_dir.run_ids()
    if not known:
        raise ConfigError(f"{work_dir.path} holds no run yet.")
    if run_id == "last":
        return work_dir.read(known[-1])
    if run_id in known:
        return work_dir.read(run_id)
    newest = ", ".join(known[-5:])
    raise ConfigError(f"there is no run {run_id!r}; the newest are {newest}.")
