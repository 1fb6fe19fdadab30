"""Everything about one deployment, decided before a file is written."""

from dataclasses import dataclass
from pathlib import Path

from serving.bundle.contract import SealedContract, read_contract
from serving.deploy.errors import DeployError
from serving.deploy.images import (
    check_artifact_registry,
    default_image,
    is_pinned_by_digest,
)
from serving.deploy.model_source import ModelSource, parse_source
from serving.deploy.names import check_model_name, dns_label
from serving.deploy.options import DeployOptions, check_options
from serving.deploy.release import Step, release_steps
from serving.deploy.server_flags import MODELS_DIR
from serving.deploy.sizing import Sizing, size_server
from serving.server.version_policy import list_version_dirs
from serving.versions.model_folder import HELD

_TPU_OP = b"TPUPartitionedCall"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One deployment.

    Attributes:
        model: Its name in requests.
        version: The one to serve.
        bundle_digest: The bundle's identity.
        tensorflow: The version that made it.
        name: DNS-1123 label of what is made for it.
        image: Container image.
        source: Where servers find the model.
        base_path: What TF Serving is told of it.
        steps: Of the release, in order.
        sizing: Of one server.
        options: As asked.
        warnings: What to know before it is used.
    """

    model: str
    version: int
    bundle_digest: str
    tensorflow: str
    name: str
    image: str
    source: ModelSource
    base_path: str
    steps: tuple[Step, ...]
    sizing: Sizing
    options: DeployOptions
    warnings: tuple[str, ...]


def make_plan(bundle: Path, sealed: SealedContract, options: DeployOptions) -> Plan:
    """Decides everything.

    Args:
        bundle: A version's folder, verified.
        sealed: Its contract.
        options: As asked.

    Raises:
        DeployError: An option, or the bundle's name or folder, does not fit.
    """
    check_options(options)
    contract = sealed.contract
    check_model_name(contract.model.name)
    _check_folder(bundle, contract.model.version)
    tensorflow = contract.library_versions.get("tensorflow", "")
    source = _source(bundle, options)
    if source.kind == "folder":
        _check_versions(Path(source.place), sealed, options.from_version)
    image = options.image or default_image(tensorflow, options.accelerator)
    if options.target == "vertex":
        check_artifact_registry(image)
    sizing = size_server(
        contract.serving,
        cpus=options.cpus,
        memory_mib=options.memory_mib,
        accelerator=options.accelerator,
        latency_ms=options.latency_ms,
    )
    return Plan(
        model=contract.model.name,
        version=contract.model.version,
        bundle_digest=sealed.digest,
        tensorflow=tensorflow,
        name=dns_label(contract.model.name),
        image=image,
        source=source,
        base_path=_base_path(source, contract.model.name),
        steps=release_steps(contract.model.version, options.from_version),
        sizing=sizing,
        options=options,
        warnings=tuple(_warnings(bundle, image, sizing, options)),
    )


def _check_folder(bundle: Path, version: int) -> None:
    """TF Serving reads the version from the folder's name."""
    name = bundle.resolve().name
    if bundle.resolve().parent.name == HELD:
        raise DeployError(
            f"{bundle} is held back: it was rolled back, or another version was "
            f"promoted. Serve it again first: slipway promote {version}"
        )
    if not name.isdecimal() or int(name) != version:
        raise DeployError(
            f"the bundle lies in a folder called {name!r} and holds version {version}; "
            f"TF Serving serves a folder's number. Copy it to a folder {version!r}."
        )


def _source(bundle: Path, options: DeployOptions) -> ModelSource:
    text = options.model_source
    if text is None:
        text = str(bundle.resolve().parent)
    source = parse_source(text, options.target)
    if source.kind != "folder":
        return source
    folder = Path(source.place).absolute()
    if not str(folder).isprintable():
        raise DeployError(
            f"--model-source is {str(folder)!r}, which no file can name: it holds a "
            "control character or no UTF-8. Rename the folder."
        )
    if not folder.is_dir():
        raise DeployError(
            f"--model-source is {text!r}, which is no folder of this machine; expected "
            "the folder the versions lie in."
        )
    return ModelSource(kind="folder", place=str(folder))


def _check_versions(
    folder: Path, sealed: SealedContract, from_version: int | None
) -> None:
    """Refuses a folder from which this release could not be served."""
    found = list_version_dirs(folder)
    version = sealed.contract.model.version
    wanted = [version] if from_version is None else [version, from_version]
    missing = [number for number in wanted if number not in found]
    if missing:
        raise DeployError(
            f"{folder} holds no version {missing[0]}; it holds "
            f"{', '.join(map(str, sorted(found))) or 'none'}. Copy it there, or name "
            "the folder that holds all of them with --model-source."
        )
    if read_contract(found[version]).digest != sealed.digest:
        raise DeployError(
            f"{found[version]} is another bundle than the one to be deployed. Copy the "
            "bundle there, or push it under another version."
        )


def _base_path(source: ModelSource, model: str) -> str:
    if source.kind == "gs":
        return f"{source.url}/{model}"
    return f"{MODELS_DIR}/{model}"


def _warnings(
    bundle: Path, image: str, sizing: Sizing, options: DeployOptions
) -> list[str]:
    found = []
    if not sizing.is_measured:
        found.append(
            "the bundle holds no serving measurements: batches, time to start and, "
            "without --memory-mb, memory are defaults. Set --memory-mb and --cpus, or "
            "push the model again with a ServingValidator."
        )
    elif options.accelerator != "cpu":
        found.append(
            "batches are sized from measurements on a CPU: on the device a call takes "
            "another time. Measure there and edit batching.config."
        )
    if not is_pinned_by_digest(image):
        found.append(
            f"image {image} is pinned by its tag, not by a digest: pin it with --image "
            "…@sha256:…."
        )
    if options.accelerator == "tpu" and not _runs_on_tpu(bundle):
        found.append(
            f"the graph of this bundle has no {_TPU_OP.decode()}: TF Serving will run "
            "it on the node's CPU and leave the TPU idle. Convert it for TPU first."
        )
    return found


def _runs_on_tpu(bundle: Path) -> bool:
    """Tells whether the graph has the op by which TF Serving calls a TPU."""
    return _TPU_OP in (bundle / "saved_model.pb").read_bytes()
