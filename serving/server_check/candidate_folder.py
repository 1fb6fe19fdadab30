"""Lays a model out as a server reads it, without copying a byte of its weights.

    {folder}/candidate/1/
        saved_model.pb  variables  assets  …  ->  the model's own files
        assets.extra/*                        ->  the files its bundle will have
    {folder}/monitoring.txt                   so that the server tells its warm-up time

Version 1 is a folder, which is all that TF Serving asks of it; its entries are symbolic
links. A contract is left out, if there is one already: it would be that of other files,
and without it our server serves them as any SavedModel.
"""

from dataclasses import dataclass
from pathlib import Path

from serving.bundle import layout

MODEL_NAME = "candidate"
_MONITORING = "monitoring.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A model that is not pushed yet.

    Attributes:
        model_dir: A SavedModel directory.
        extras: Folder with the `assets.extra/` that its bundle will have.
    """

    model_dir: Path
    extras: Path


def link_candidate(folder: Path, candidate: Candidate) -> None:
    """Writes the tree above.

    Args:
        folder: An empty folder.
        candidate: The model.

    Raises:
        OSError: A folder cannot be read or written.
    """
    version = folder / MODEL_NAME / "1"
    version.mkdir(parents=True)
    for entry in candidate.model_dir.absolute().iterdir():
        if entry.name != layout.EXTRA:
            (version / entry.name).symlink_to(entry)
    (version / layout.EXTRA).mkdir()
    for entry in (candidate.extras.absolute() / layout.EXTRA).iterdir():
        if entry.name != Path(layout.CONTRACT).name:
            (version / layout.EXTRA / entry.name).symlink_to(entry)
    (folder / _MONITORING).write_text(
        "prometheus_config { enable: true }\n", encoding="ascii"
    )


def server_flags(folder: Path) -> tuple[str, ...]:
    """Returns the flags that serve the tree; a real tensorflow_model_server's all.

    A version that does not load is tried once: nothing about it changes meanwhile.
    """
    return (
        f"--model_name={MODEL_NAME}",
        f"--model_base_path={folder / MODEL_NAME}",
        f"--monitoring_config_file={folder / _MONITORING}",
        "--enable_model_warmup=true",
        "--max_num_load_retries=0",
        "--file_system_poll_wait_seconds=0",
    )
