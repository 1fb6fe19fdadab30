"""Names for versions, such as "stable" and "canary", that requests may use.

Source: tensorflow_serving/model_servers/server_core.cc, UpdateModelVersionLabelMap;
flag allow_version_labels_for_unavailable_models in main.cc.
"""

from serving.server.model_versions import ModelVersions
from serving.server.status import Code, ServingError


def assign_labels(model: ModelVersions, *, may_be_unavailable: bool) -> None:
    """Takes over the labels of a model's configuration, all of them or none.

    Args:
        model: Is changed.
        may_be_unavailable: Whether a label may name a version that does not serve, be
            it new or as it was. One in use is never moved to such a version: its
            requests would all fail.

    Raises:
        ServingError: FAILED_PRECONDITION: a label names a version that does not serve.
    """
    wanted = dict(model.config.labels) if model.config else {}
    available = {record.version for record in model.available}
    for label, version in wanted.items():
        is_moved = model.labels.get(label, version) != version
        if version in available or (may_be_unavailable and not is_moved):
            continue
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Request to assign label {label} to version {version} of model "
            f"{model.name}, which is not currently available for inference",
        )
    model.labels = wanted
