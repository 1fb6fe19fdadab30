"""Finds and removes what old runs left: results that nothing needs any more.

Needed is what the newest runs wrote or used, what the runs behind the versions of the
model wrote, and the newest blessed model, which the next one is compared with. Nothing
else of the work folder's artifacts, run records, logs and cache is.

Removing goes from what points to what is pointed at (cache, ML Metadata, folders), so
that a killed removal leaves nothing that names a folder which is gone; a second one
removes the rest.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.node_cache.entries import CacheEntries, CacheEntry
from pipeline.run_record import RunRecord, WorkDir
from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.versions.model_folder import all_versions, version_path

_MODEL, _BLESSING = "Model", "ModelBlessing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Garbage:
    """What can go, and what stays for which reason.

    Attributes:
        kept_runs: Run id to why it stays.
        runs: Run records that can go, oldest first.
        half_removed_runs: Folders of runs without their record: what a killed removal
            left.
        folders: Folders of artifacts that can go.
        entries: Results in the cache that name one of them.
        dags: Compiled DAGs that no kept run can have used last.
        num_bytes: Size of the folders and of the runs' logs.
    """

    kept_runs: dict[str, str]
    runs: tuple[RunRecord, ...]
    half_removed_runs: tuple[Path, ...]
    folders: tuple[Path, ...]
    entries: tuple[CacheEntry, ...]
    dags: tuple[Path, ...]
    num_bytes: int


def find_garbage(
    work_dir: WorkDir, model_dir: Path, *, keep_last: int, keep_deployed: bool
) -> Garbage:
    """Looks at everything, removes nothing.

    Args:
        work_dir: Of the pipeline.
        model_dir: `{model_base_path}/{model_name}`; need not exist.
        keep_last: So many of the newest runs stay, >= 1.
        keep_deployed: Whether the runs behind the model's versions stay, held ones too.
    """
    records = work_dir.list_runs()
    kept_runs = {record.run_id: "one of the newest" for record in records[-keep_last:]}
    if keep_deployed:
        for run_id, version in _deployed(model_dir):
            kept_runs.setdefault(run_id, f"made version {version}")
    kept = {
        Path(artifact.uri).resolve()
        for record in records
        if record.run_id in kept_runs
        for node in record.nodes
        for artifacts in node.outputs.values()
        for artifact in artifacts
    }
    kept |= {Path(uri).resolve() for uri in _baseline(work_dir)}
    # The work folder may have been named in another way when the run was made.
    folders = [path for path in _artifact_folders(work_dir) if path not in kept]
    runs = [record for record in records if record.run_id not in kept_runs]
    halves = _half_removed_runs(work_dir)
    return Garbage(
        kept_runs={
            record.run_id: kept_runs[record.run_id]
            for record in records
            if record.run_id in kept_runs
        },
        runs=tuple(runs),
        half_removed_runs=tuple(halves),
        folders=tuple(folders),
        entries=tuple(
            _pointing_at(CacheEntries(work_dir.cache / "nodes"), set(folders))
        ),
        dags=tuple(_by_age(work_dir.cache.glob("dags/*.pb"))[keep_last:]),
        num_bytes=_size(
            [
                *folders,
                *halves,
                *(work_dir.run_dir(record.run_id) for record in runs),
            ]
        ),
    )


def remove(work_dir: WorkDir, garbage: Garbage) -> None:
    """Removes what find_garbage found; nobody may run in the work folder meanwhile."""
    entries = CacheEntries(work_dir.cache / "nodes")
    for entry in garbage.entries:
        entries.remove(entry)
    for path in garbage.dags:
        path.unlink(missing_ok=True)
    if garbage.folders:
        from pipeline.metadata.tidying import mark_deleted

        mark_deleted(work_dir, map(str, garbage.folders))
    for folder in garbage.folders:
        shutil.rmtree(folder)
    runs = [work_dir.run_dir(record.run_id) for record in garbage.runs]
    for folder in (*garbage.half_removed_runs, *runs):
        shutil.rmtree(folder)


def _deployed(model_dir: Path) -> Iterator[tuple[str, int]]:
    """Yields run and number of each version of the model.

    A version whose contract cannot be read names no run; `slipway verify` tells.
    """
    for version in all_versions(model_dir):
        try:
            sealed = read_contract(version_path(model_dir, version))
        except BundleRefusedError:
            continue
        yield sealed.contract.run.run_id, version


def _baseline(work_dir: WorkDir) -> Sequence[str]:
    """Returns the folders of the newest blessed model and of its blessing."""
    from pipeline.lineage.metadata_graph import MetadataGraph

    place = work_dir.metadata
    if isinstance(place, Path) and not place.is_file():
        return ()
    # One that cannot be read must not pass for one that names no model.
    graph = MetadataGraph(place)
    blessings = {
        int(facts.properties["current_model_id"]): facts.uri
        for facts in graph.artifacts_of_type(_BLESSING)
        if facts.is_there and facts.properties.get("blessed") == 1
    }
    models = [
        facts
        for facts in graph.artifacts_of_type(_MODEL)
        if facts.is_there and facts.artifact_id in blessings
    ]
    if not models:
        return ()
    return models[-1].uri, blessings[models[-1].artifact_id]


def _artifact_folders(work_dir: WorkDir) -> Iterator[Path]:
    """Yields artifacts/{node}/{output}/{execution}, what killed nodes left included."""
    for path in sorted(work_dir.artifacts.resolve().glob("*/*/*")):
        if path.is_dir() and not path.parent.name.startswith("."):
            yield path


def _half_removed_runs(work_dir: WorkDir) -> list[Path]:
    """Returns folders of runs without a record; a run begins with its record."""
    folders = sorted((work_dir.path / "runs").glob("*/"))
    return [path for path in folders if not (path / "run.json").exists()]


def _pointing_at(entries: CacheEntries, gone: set[Path]) -> Iterator[CacheEntry]:
    for entry in entries.list():
        folders = {
            Path(artifact.uri).resolve()
            for artifacts in entry.outputs.values()
            for artifact in artifacts
        }
        if folders & gone:
            yield entry


def _by_age(paths: Iterable[Path]) -> list[Path]:
    """Returns files, the one used last first."""
    return sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _size(folders: Iterable[Path]) -> int:
    return sum(
        path.stat().st_size
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    )
