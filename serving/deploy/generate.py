"""Generates a deployment of the real tensorflow_model_server from a bundle."""

from dataclasses import dataclass
from pathlib import Path

from serving.bundle import file_guards
from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.verify import verify_bundle
from serving.deploy import compose, config_files, readme, server_flags, vertex
from serving.deploy.errors import DeployError
from serving.deploy.files import GeneratedFile, json_file
from serving.deploy.kubernetes import kubernetes_files
from serving.deploy.options import DeployOptions
from serving.deploy.output_folder import write_files
from serving.deploy.plan import Plan, make_plan
from serving.deploy.pod import selector

_SCRIPTS = Path(__file__).parent / "scripts"
# What tells whether these are the pushed files. Neither the TensorFlow of this machine
# nor its answers matter: another binary serves the model.
_GUARDS = (
    file_guards.identity,
    file_guards.files,
    file_guards.no_code,
    file_guards.schema,
    file_guards.feature_order,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """What was written.

    Attributes:
        plan: What it is.
        files: Paths in the output folder, sorted.
    """

    plan: Plan
    files: tuple[str, ...]


def deploy(
    bundle: Path, out: Path, options: DeployOptions, *, overwrite: bool = False
) -> Deployment:
    """Writes everything that puts a bundle into production.

    The bundle's contract and the hash of each of its files are checked first. Its graph
    is not run: that takes TensorFlow, and `slipway verify` does it.

    Args:
        bundle: A version's folder.
        out: The folder to write.
        options: As asked.
        overwrite: See write_files.

    Raises:
        BundleRefusedError: The bundle is not what was pushed.
        DeployError: An option does not fit, or the folder cannot be used.
    """
    found = verify_bundle(bundle, guards=_GUARDS)
    if not found.is_ok:
        raise BundleRefusedError(found.guard, found.reason)
    plan = make_plan(bundle, read_contract(bundle), options)
    files = deployment_files(plan)
    try:
        write_files(out, files, overwrite=overwrite)
    except OSError as error:
        raise DeployError(f"--out {out} cannot be written: {error}.") from error
    return Deployment(plan=plan, files=tuple(sorted(file.path for file in files)))


def deployment_files(plan: Plan) -> list[GeneratedFile]:
    """Returns all files of a deployment; the same plan gives the same bytes."""
    files = [GeneratedFile(path="README.md", text=readme.readme_text(plan))]
    if plan.options.target == "vertex":
        return [
            *files,
            *vertex.vertex_files(plan),
            _script("upload.py", "vertex_upload"),
        ]
    files += [_release_file(plan), _script("apply.py", "apply_step")]
    if plan.options.target == "kubernetes":
        return [*files, *kubernetes_files(plan)]
    return [*files, *_docker_files(plan)]


def _docker_files(plan: Plan) -> list[GeneratedFile]:
    return [
        compose.compose_file(plan),
        config_files.batching_config(compose.SETTINGS, plan.sizing.batching),
        config_files.monitoring_config(compose.SETTINGS),
        *(
            config_files.models_config(step.name, plan.model, plan.base_path, step)
            for step in plan.steps
        ),
    ]


def _release_file(plan: Plan) -> GeneratedFile:
    """Returns what apply.py needs to know."""
    document = {
        "target": plan.options.target,
        "model": plan.model,
        "bundle_digest": plan.bundle_digest,
        "versions": list(plan.steps[0].versions),
        "steps": {
            step.name: {"versions": list(step.versions), "labels": dict(step.labels)}
            for step in plan.steps
        },
        "rest_port": server_flags.REST_PORT,
    }
    if plan.options.target == "kubernetes":
        labels = selector(plan).items()
        document["pod_selector"] = ",".join(f"{key}={value}" for key, value in labels)
    return json_file("release.json", document)


def _script(name: str, module: str) -> GeneratedFile:
    text = (_SCRIPTS / f"{module}.py").read_text(encoding="utf-8")
    return GeneratedFile(path=name, text=text)
