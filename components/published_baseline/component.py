"""PublishedBaseline: the version that is served now, as a Model artifact."""

import shutil
from pathlib import Path

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model

# v1 lacks path_utils: it knows where in a Model artifact the SavedModel is.
from tfx.utils import path_utils

from components.published_baseline.found import IS_ABSENT
from serving.bundle import layout
from serving.versions.model_folder import served_version, version_path


@component
def PublishedBaseline(
    model: OutputArtifact[Model],
    model_base_path: Parameter[str],
    model_name: Parameter[str],
) -> None:
    """Copies the SavedModel of the version that is served.

    Args:
        model: {uri}/Format-Serving, the SavedModel without the bundle's papers.
            Custom properties `version` (int) and `is_absent`: 1, and nothing is
            written, where no version is served yet.
        model_base_path: Folder of all models.
        model_name: The model's folder there.

    Raises:
        VersionsError: A folder there has a name that TF Serving takes for a number.

    Example:
        PublishedBaseline(model_base_path="/mnt/models", model_name="flights")
    """
    folder = Path(model_base_path) / model_name
    version = served_version(folder)
    model.set_int_custom_property(IS_ABSENT, int(version is None))
    if version is None:
        return
    shutil.copytree(
        version_path(folder, version),
        path_utils.serving_model_dir(model.uri),
        ignore=shutil.ignore_patterns(layout.EXTRA),
    )
    model.set_int_custom_property("version", version)
