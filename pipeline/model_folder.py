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
    from pipeline.cli import find_config
    from pipeline.config import load_config

    config = load_config(find_config(pipeline))
    base = model_base_path or config.deployment.model_base_path
    return _folder(Path(base).absolute(), model or config.name)


def _folder(base: Path, model: str) -> Path:
    if model in ("", ".", "..") or Path(model).name != model:
        raise ConfigError(
            f"--model is {model!r}; expected the name of a folder in {base}."
        )
    return base / model
