"""Finds the folder a model's versions lie in."""

from pathlib import Path

from pipeline.settings_loader import ConfigError


def find_model_dir(
    pipeline: str, model_base_path: str | None, model: str | None
) -> Path:
    """Returns `{model_base_path}/{model_name}`, whether it exists or not.

    Args:
        pipeline: A pipeline's name or YAML file; read only for what is None below.
        model_base_path: TF Serving's base folder; None: the pipeline's.
        model: The model's folder in it; None: the pipeline's name.

    Raises:
        ConfigError: The pipeline's configuration cannot be used.
    """
    if model_base_path is not None and model is not None:
        return _folder(Path(model_base_path).absolute(), model)
    from pipeline.config import load_config
    from pipeline.pipeline_argument import find_config

    config = load_config(find_config(pipeline))
    base = model_base_path or config.deployment.model_base_path
    return _folder(Path(base).absolute(), model or config.name)


def _folder(base: Path, model: str) -> Path:
    if model in ("", ".", "..") or Path(model).name != model:
        raise ConfigError(
            f"--model is {model!r}; expected the name of a folder in {base}."
        )
    return base / model


def find_bundle(bundle: str) -> Path:
    """Returns the folder of one version.

    Args:
        bundle: The folder itself; or a pipeline's name, for the version that is
            served; or `flights/3`, for that version, served or held.

    Raises:
        ConfigError: There is no such folder and no such pipeline or version.
        VersionsError: The pipeline's model has no such version.
    """
    path = Path(bundle)
    if bundle and path.is_dir():
        return path
    name, _, number = bundle.partition("/")
    if not name or (number and not number.isdecimal()) or not _is_pipeline(name):
        raise ConfigError(
            f"BUNDLE is {bundle!r}, which is no folder and no pipeline; expected a "
            "version's folder, {model_base_path}/{model_name}/{version}, or a name "
            "such as flights or flights/3."
        )
    from serving.versions.model_folder import served_version, version_path

    model_dir = find_model_dir(name, None, None)
    version = int(number) if number else served_version(model_dir)
    if version is None:
        raise ConfigError(
            f"{model_dir} holds no version yet. Make one: slipway run {name}"
        )
    return version_path(model_dir, version)


def _is_pipeline(name: str) -> bool:
    from pipeline.pipeline_argument import find_config

    try:
        find_config(name)
    except ConfigError:
        return False
    return True
