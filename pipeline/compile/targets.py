"""The clusters a pipeline is compiled for, and in what they differ.

Source:
    kubeflow/pipelines, backend/src/apiserver/template/v2_template.go (schema 2.1.0
    only, YAML) and backend/src/v2/component/launcher_v2.go, LocalPathForURI; Vertex AI,
    "Migrate from Kubeflow Pipelines" (buckets are mounted with Cloud Storage FUSE).
"""

from dataclasses import dataclass

from pipeline.setting_checks import require_choice


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One kind of cluster.

    Attributes:
        name: As the command line calls it.
        suffix: Of the compiled file: ".yaml" (a PipelineSpec) or ".json" (a
            PipelineJob).
        root_schemes: What a pipeline root may begin with.
        mounts_buckets: Nodes see buckets as folders (/gcs/bucket); else they see
            volumes.
        baseline: Which form of pipeline/stages/baseline.py works there.
        has_timeouts: A task can be given a longest time.
        has_resolvers: Tasks may query the cluster's metadata.
    """

    name: str
    suffix: str
    root_schemes: tuple[str, ...]
    mounts_buckets: bool
    baseline: str
    has_timeouts: bool
    has_resolvers: bool


KUBEFLOW = Target(
    name="kubeflow",
    suffix=".yaml",
    root_schemes=("minio://", "s3://", "gs://"),
    mounts_buckets=False,
    baseline="published",
    has_timeouts=True,
    has_resolvers=False,
)
VERTEX = Target(
    name="vertex",
    suffix=".json",
    root_schemes=("gs://",),
    mounts_buckets=True,
    baseline="latest_blessed",
    has_timeouts=False,
    has_resolvers=True,
)
TARGETS = {target.name: target for target in (KUBEFLOW, VERTEX)}


def find_target(name: str) -> Target:
    """Returns the target of a name.

    Raises:
        ConfigError: There is no such target; names those there are.
    """
    require_choice("--target", name, tuple(TARGETS))
    return TARGETS[name]
