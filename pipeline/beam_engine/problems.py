"""What keeps an engine from working, found before any work: one sentence each.

Light: Beam itself is not imported.
"""

import importlib.metadata
import json
import shutil
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.beam_engine.beam_config import BeamConfig, FlinkConfig, SparkConfig
from pipeline.beam_engine.job_server_jar import JobServerVersions, read_versions

TRIED_RUNNERS = ("2.62.0",)
"""Versions of Beam's Java part that were tried with the locked Python part."""

_LOOPBACK = ("localhost", "127.")
_ASK_TIMEOUT_S = 5.0


def find_problems(config: BeamConfig, folders: Mapping[str, str]) -> Iterator[str]:
    """Yields everything that keeps the configured engine from working.

    Args:
        config: The `beam` section.
        folders: Setting to the folder that it names and workers read or write. Empty
            for a dry run: no work, no folders.
    """
    yield from _PROBLEMS.get(config.engine, _none)(config, folders)


def _none(_config: BeamConfig, _folders: Mapping[str, str]) -> Iterator[str]:
    yield from ()


def _flink(config: BeamConfig, folders: Mapping[str, str]) -> Iterator[str]:
    flink = config.flink
    yield from _java("flink")
    versions, problem = _jar_versions("flink", flink.job_server_jar, flink.version)
    if problem is not None:
        yield problem
    elif versions is not None:
        yield from _version_problems(flink, versions)
    if not flink.is_embedded:
        yield from _pool("flink", flink)
        yield from _master(flink)
        yield from _shared(config, flink.master, folders)


def _spark(config: BeamConfig, folders: Mapping[str, str]) -> Iterator[str]:
    spark = config.spark
    yield from _java("spark")
    versions, problem = _jar_versions("spark", spark.job_server_jar, "3")
    if problem is not None:
        yield problem
    elif versions is not None:
        yield from _beam_version("spark", spark.job_server_jar, versions)
        if (versions.spark or "").split(".")[0] != "3":
            yield (
                f"beam.spark.job_server_jar is {spark.job_server_jar!r}, which holds "
                f"Spark {versions.spark or 'of no version'}; expected Spark 3."
            )
    if not spark.is_embedded:
        yield from _pool("spark", spark)
        yield from _shared(config, spark.master.partition("://")[2], folders)


def _dataflow(config: BeamConfig, folders: Mapping[str, str]) -> Iterator[str]:
    asked = config.dataflow
    examples = {
        "project": "my-project",
        "region": "europe-west1",
        "staging_location": "gs://my-bucket/staging",
        "temp_location": "gs://my-bucket/temp",
    }
    for name, example in examples.items():
        if not getattr(asked, name):
            yield (
                f"beam.dataflow.{name} is missing; Dataflow needs it, such as "
                f"{example}."
            )
    if not asked.image and asked.setup_file is None:
        yield (
            "beam.dataflow.image and beam.dataflow.setup_file are missing; the workers "
            "get this project from one of them."
        )
    if asked.image and "@sha256:" not in asked.image:
        yield (
            f"beam.dataflow.image is {asked.image!r}; expected an image by digest, "
            "registry/name@sha256:…, so that every worker runs the same code."
        )
    if asked.setup_file is not None and not Path(asked.setup_file).is_file():
        yield (
            f"beam.dataflow.setup_file is {asked.setup_file!r}; there is no such file."
        )
    for setting, folder in folders.items():
        yield (
            f"{setting} is {folder!r}, which Dataflow's workers do not see: our "
            "components read and write files by their paths. Use beam.engine: flink; "
            "--dry-run prints Dataflow's options."
        )


_PROBLEMS: dict[str, Callable[[BeamConfig, Mapping[str, str]], Iterator[str]]] = {
    "flink": _flink,
    "spark": _spark,
    "dataflow": _dataflow,
}


def _java(engine: str) -> Iterator[str]:
    if shutil.which("java") is None:
        yield (
            f"beam.engine is {engine!r}, whose job server needs Java, and there is no "
            "java on PATH. Install Java 11 or 17."
        )


def _jar_versions(
    engine: str, jar: str, version: str
) -> tuple[JobServerVersions | None, str | None]:
    setting = f"beam.{engine}.job_server_jar is {jar!r}"
    beam = importlib.metadata.version("apache-beam")
    name = f"org.apache.beam:beam-runners-{engine}-{version}-job-server:{beam}"
    if not Path(jar).is_file():
        return None, (
            f"{setting}; there is no such file. Make it: make {engine}-jars; or give "
            f"{name}."
        )
    try:
        return read_versions(Path(jar)), None
    except (OSError, zipfile.BadZipFile) as error:
        return None, f"{setting}, which is no jar: {error}."


def _version_problems(flink: FlinkConfig, versions: JobServerVersions) -> Iterator[str]:
    yield from _beam_version("flink", flink.job_server_jar, versions)
    if _minor(versions.flink or "") != flink.version:
        yield (
            f"beam.flink.job_server_jar is {flink.job_server_jar!r}, which holds Flink "
            f"{versions.flink or 'of no version'}; beam.flink.version is "
            f"{flink.version!r}. Give the job server for that version."
        )


def _beam_version(engine: str, jar: str, versions: JobServerVersions) -> Iterator[str]:
    installed = importlib.metadata.version("apache-beam")
    if versions.beam not in (installed, *TRIED_RUNNERS):
        yield (
            f"beam.{engine}.job_server_jar is {jar!r}, which holds Beam "
            f"{versions.beam or 'of no version'}; expected {installed}, the installed "
            f"one, or {' or '.join(TRIED_RUNNERS)}, which was tried with it."
        )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _pool(engine: str, settings: FlinkConfig | SparkConfig) -> Iterator[str]:
    if settings.worker_pool is None:
        yield (
            f"beam.{engine}.worker_pool is missing; {engine.capitalize()} at "
            f"{settings.master} needs the HOST:PORT of the Beam worker pool beside "
            "each of its workers, as the worker sees it: localhost:50000 for a sidecar."
        )


def _master(flink: FlinkConfig) -> Iterator[str]:
    setting = f"beam.flink.master is {flink.master!r}"
    try:
        config = _ask(flink.master, "/config")
        overview = _ask(flink.master, "/overview")
        found, slots = str(config["flink-version"]), int(overview["slots-total"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield (
            f"{setting}, where no Flink answers ({error}). Start one: make flink; or "
            "give the address of its REST interface."
        )
        return
    if _minor(found) != flink.version:
        yield (
            f"{setting}, which is Flink {found}; beam.flink.version is "
            f"{flink.version!r}. The two have to agree in the first two numbers."
        )
    if slots < flink.parallelism:
        yield (
            f"beam.flink.parallelism is {flink.parallelism}; Flink at "
            f"{flink.master} has {slots} slots in all. Start more task managers, or "
            "ask for less."
        )


def _ask(master: str, path: str) -> Any:
    with urllib.request.urlopen(
        f"http://{master}{path}", timeout=_ASK_TIMEOUT_S
    ) as answer:
        return json.load(answer)


def _shared(
    config: BeamConfig, master: str, folders: Mapping[str, str]
) -> Iterator[str]:
    if config.shared_dir is None:
        if not master.startswith(_LOOPBACK):
            yield (
                f"beam.shared_dir is missing; the workers of {master} are on other "
                "machines, and need a folder that all see under the same path."
            )
        return
    shared = Path(config.shared_dir)
    if not shared.is_dir():
        yield f"beam.shared_dir is {config.shared_dir!r}; there is no such folder."
        return
    for setting, folder in folders.items():
        if not Path(folder).is_relative_to(shared):
            yield (
                f"{setting} is {folder!r}, outside beam.shared_dir "
                f"{config.shared_dir!r}: workers elsewhere would not see it."
            )
