"""Replaces the paths of this machine by those a cluster's nodes see.

In the image: this project, under `cluster.project_root`, with the schema. In a bucket
or on a volume: spans, artifacts and published models. Whatever is neither is refused.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.cluster_config import ClusterConfig
from pipeline.compile.targets import Target
from pipeline.config import PipelineConfig
from pipeline.preflight import PreflightError

_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_OWN_ENGINES = ("local", "workers")


def on_cluster(
    config: PipelineConfig, target: Target, project: Path, *, allow_tag: bool = False
) -> PipelineConfig:
    """Returns the configuration as a node of the cluster must read it.

    Args:
        config: Of this machine.
        target: Where it will run.
        project: This project's folder on this machine.
        allow_tag: Take an image without a digest.

    Raises:
        PreflightError: With every path, name and image that cannot work there.
    """
    problems = [
        *_name_problems(config.name),
        *_image_problems(config.cluster, allow_tag=allow_tag),
        *_root_problems(config.cluster.pipeline_root, target),
        *_place_problems(config, target),
        *_project_problems(config, project),
        *_engine_problems(config.beam.engine, target),
    ]
    if problems:
        raise PreflightError(problems)
    schema = Path(config.validation.schema).relative_to(project)
    cluster = config.cluster
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, input_base=cluster.input_base),
        validation=dataclasses.replace(
            config.validation, schema=f"{cluster.project_root}/{schema}"
        ),
        deployment=dataclasses.replace(
            config.deployment, model_base_path=cluster.model_base_path
        ),
    )


def _name_problems(name: str) -> Iterator[str]:
    if _NAME.fullmatch(name) is None:
        yield (
            f"name is {name!r}; a cluster takes small letters, digits and -, "
            "128 at most. Use another name."
        )


def _image_problems(cluster: ClusterConfig, *, allow_tag: bool) -> Iterator[str]:
    if not cluster.image:
        yield (
            "cluster.image is missing: every node runs in an image that holds this "
            "project; see docs/cluster.md."
        )
    for setting in ("image", "gpu_image"):
        image = getattr(cluster, setting)
        if image and not allow_tag and _DIGEST.fullmatch(image) is None:
            yield (
                f"cluster.{setting} is {image!r}, which has no digest: a tag can be "
                "moved, and two runs of one file would differ. Write name@sha256:… as "
                "`docker push` prints it, or allow it with --allow-tag."
            )


def _root_problems(root: str, target: Target) -> Iterator[str]:
    schemes = " or ".join(target.root_schemes)
    if not root.startswith(target.root_schemes):
        yield (
            f"cluster.pipeline_root is {root!r}; {target.name} keeps artifacts in a "
            f"bucket: expected {schemes}."
        )


def _place_problems(config: PipelineConfig, target: Target) -> Iterator[str]:
    cluster = config.cluster
    here = {
        "input_base": config.data.input_base,
        "model_base_path": config.deployment.model_base_path,
    }
    for setting, path in here.items():
        place = getattr(cluster, setting)
        if target.mounts_buckets:
            if not place.startswith("gs://"):
                yield (
                    f"cluster.{setting} is {place!r}; nodes on {target.name} cannot "
                    f"see {path}. Copy it to a bucket and name that: gs://…"
                )
        elif not any(volume.holds(place) for volume in cluster.volumes):
            yield (
                f"cluster.{setting} is {place!r}, on none of cluster.volumes "
                f"({_volumes_in_words(cluster)}); nodes on {target.name} cannot see "
                f"{path}. Copy it to a volume and name the path there."
            )
    if target.mounts_buckets and cluster.volumes:
        yield (
            f"cluster.volumes names {_volumes_in_words(cluster)}; {target.name} mounts "
            "no volumes. Leave it out."
        )


def _volumes_in_words(cluster: ClusterConfig) -> str:
    return ", ".join(volume.path for volume in cluster.volumes) or "there are none"


def _project_problems(config: PipelineConfig, project: Path) -> Iterator[str]:
    schema = Path(config.validation.schema)
    if not schema.is_relative_to(project):
        yield (
            f"validation.schema is {str(schema)!r}, outside the project {project}: the "
            "image holds the project only. Move the schema into it."
        )
    binary = config.deployment.server_binary
    if binary:
        yield (
            f"deployment.server_binary is {binary!r}, a path of this machine. Leave it "
            "out: nodes use the model server on the image's PATH, or our own."
        )


def _engine_problems(engine: str, target: Target) -> Iterator[str]:
    if engine not in _OWN_ENGINES:
        yield (
            f"beam.engine is {engine!r}; a node on {target.name} works on folders that "
            f"only it sees, and workers elsewhere do not. Use "
            f"{' or '.join(_OWN_ENGINES)}, and give nodes more processors."
        )
