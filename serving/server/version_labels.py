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
        may_be_unavailable: Whether a label that is not in use yet may name a version
            that does not serve. One in use is never moved to such a version: its
            requests would all fail.

    Raises:
        ServingError: FAILED_PRECONDITION: a label names a version that does not serve.
    """
    wanted = dict(model.config.labels) if model.config else {}
    available = {record.version for record in model.available}
    for label, version in wanted.items():
        is_new = label not in model.labels
        is_kept = model.labels.get(label) == version
        if version in available or is_kept or (may_be_unavailable and is_new):
            continue
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Request to assign label {label} to version {version} of model "
            f"{model.name}, which is not currently available for inference",
        )
    model.labels = wanted
