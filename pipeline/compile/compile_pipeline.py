"""From the YAML file to a checked file for a cluster."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from pipeline import preflight
from pipeline.code_revision import read_code_revision
from pipeline.compile.cluster_inputs import cluster_inputs
from pipeline.compile.cluster_paths import on_cluster
from pipeline.compile.compiled_file import CompiledPipeline, json_text, yaml_text
from pipeline.compile.run_slots import fill_slots
from pipeline.compile.runtime_parameters import parameters_of, wire_parameters
from pipeline.compile.spec_parts import Json
from pipeline.compile.targets import Target, find_target
from pipeline.compile.task_names import rename_tasks
from pipeline.compile.task_settings import apply_task_settings, kubernetes_settings
from pipeline.config import find_project_root, load_config
from pipeline.run_pipeline import make_importable
from pipeline.settings_loader import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CompileOptions:
    """What the command line adds to the configuration.

    Attributes:
        allow_tag: Take an image without a digest.
        data_digest: SHA-256 that the spans must have, which lets the cluster's cache
            answer for the nodes that read them; "": any content, and no cache there.
    """

    allow_tag: bool = False
    data_digest: str = ""


def compile_pipeline(
    config_path: Path,
    target: str,
    overrides: dict[str, Any] | None = None,
    options: CompileOptions = CompileOptions(),
) -> CompiledPipeline:
    """Compiles the DAG for a cluster and checks what came out.

    Args:
        config_path: The pipeline's YAML file.
        target: "kubeflow" or "vertex".
        overrides: Dotted settings laid over the file's.
        options: What the command line adds.

    Raises:
        ConfigError: A setting cannot work, on this machine or there.
        CompiledPipelineError: The result would not run.
    """
    cluster = find_target(target)
    config = load_config(config_path, overrides)
    project = find_project_root(config_path)
    make_importable(project)
    preflight.check_config(config)
    there = on_cluster(config, cluster, project, allow_tag=options.allow_tag)
    _require_kfp()
    # Imported here: TensorFlow and TFX take ten seconds.
    from pipeline.compile.check_messages import check_messages
    from pipeline.compile.check_references import check_references
    from pipeline.compile.check_runs_there import check_runs_there
    from pipeline.compile.tfx_compile import tfx_compile

    job = tfx_compile(cluster_inputs(config, there, cluster), config.cluster.image)
    spec: Json = job["pipelineSpec"]
    rename_tasks(spec)
    parameters = parameters_of(config, options.data_digest)
    wire_parameters(spec, parameters)
    fill_slots(spec, read_code_revision(project))
    apply_task_settings(spec, config, cluster, _uncached(options))
    spec["defaultPipelineRoot"] = config.cluster.pipeline_root
    platform = {} if cluster.mounts_buckets else kubernetes_settings(spec, config)
    text = yaml_text(spec, platform)
    check_messages(spec, platform, text)
    check_references(spec)
    images = [config.cluster.image, config.cluster.gpu_image]
    check_runs_there(spec, [image for image in images if image], cluster)
    return CompiledPipeline(
        name=config.name,
        target=cluster.name,
        content=_content(cluster, job, spec, text),
        suffix=cluster.suffix,
        parameters=parameters,
        pipeline_root=config.cluster.pipeline_root,
    )


def _content(target: Target, job: Json, spec: Json, text: str) -> bytes:
    is_job = target.suffix == ".json"
    return (json_text(job, spec) if is_job else text).encode()


def _uncached(options: CompileOptions) -> list[str]:
    """Returns the nodes whose inputs do not say all that they read."""
    nodes = ["baseline_resolver", "final_status", "pusher"]
    return nodes if options.data_digest else [*nodes, "example_gen"]


def _require_kfp() -> None:
    try:
        importlib.import_module("kfp")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "compiling for a cluster needs kfp: pip install 'slipway[kubeflow]'."
        ) from error
