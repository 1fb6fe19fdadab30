"""What serves at this moment, as requests look it up.

It is replaced as a whole and never changed, so that looking up takes no lock.

Source: tensorflow_serving/model_servers/server_core.cc, ServableRequestFromModelSpec
and GetModelVersionForLabel; core/servable_handle.h, ServableRequest::DebugString.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from serving.server.core import ModelSpec, Servable
from serving.server.model_versions import ModelVersions
from serving.server.status import Code, ServingError


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedModel:
    """One model.

    Attributes:
        latest: Its newest version; None: none serves.
        versions: By number.
        labels: Label to number.
    """

    latest: Servable | None = None
    versions: Mapping[int, Servable] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)


_NOTHING = ServedModel()

ServedModels = Mapping[str, ServedModel]


def served_models(models: Iterable[ModelVersions]) -> ServedModels:
    """Returns what of these models serves now, by name."""
    served = {}
    for model in models:
        versions: dict[int, Servable] = {
            record.version: record.servable
            for record in model.available
            if record.servable is not None
        }
        served[model.name] = ServedModel(
            latest=versions[max(versions)] if versions else None,
            versions=versions,
            labels=dict(model.labels),
        )
    return served


def find_servable(served: ServedModels, spec: ModelSpec) -> Servable:
    """Returns the version that a request is for; see core.Backend."""
    if not spec.name:
        raise ServingError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
    model = served.get(spec.name, _NOTHING)
    version = version_of(served, spec)
    if version is None:
        found, request = model.latest, f"Latest({spec.name})"
    else:
        found = model.versions.get(version)
        request = f"Specific({spec.name}, {version})"
    if found is None:
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {request}")
    return found


def version_of(served: ServedModels, spec: ModelSpec) -> int | None:
    """Returns the version that a request names, also by a label; None: it names none.

    Raises:
        ServingError: INVALID_ARGUMENT: there is no such label.
    """
    if spec.label is None:
        return spec.version
    version = served.get(spec.name, _NOTHING).labels.get(spec.label)
    if version is None:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Unrecognized servable version label: {spec.label}",
        )
    return version
