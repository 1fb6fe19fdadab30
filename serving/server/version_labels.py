"""Names for versions, such as "stable" and "canary", that requests may use.

Source: tensorflow_serving/model_servers/server_core.cc, ReloadConfig and
UpdateModelVersionLabelMap; flag allow_version_labels_for_unavailable_models in main.cc.
"""

from serving.server.model_config import ModelConfig
from serving.server.model_versions import ModelVersions
from serving.server.status import Code, ServingError


def checked_labels(
    config: ModelConfig, model: ModelVersions | None, *, may_be_unavailable: bool
) -> dict[str, int]:
    """Returns the labels of a configuration, label to version.

    They are looked at before the configuration's versions are loaded, as in TF Serving:
    a version is loaded by one configuration and named by the next.

    Args:
        config: The new one.
        model: As it serves now; None: it is not known yet.
        may_be_unavailable: Whether a label may name a version that does not serve, be
            it new or as it was. One in use is never moved to such a version: its
            requests would all fail.

    Raises:
        ServingError: FAILED_PRECONDITION: a label names a version that does not serve.
    """
    available = {record.version for record in model.available} if model else set()
    in_use = model.labels if model else {}
    for label, version in config.labels.items():
        is_moved = in_use.get(label, version) != version
        if version in available or (may_be_unavailable and not is_moved):
            continue
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Request to assign label {label} to version {version} of model "
            f"{config.name}, which is not currently available for inference",
        )
    return dict(config.labels)
