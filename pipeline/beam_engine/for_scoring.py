"""The engine of a batch scoring, from its command's options."""

from pathlib import Path
from typing import Any

from pipeline.beam_engine.beam_config import BeamConfig, with_absolute_paths
from pipeline.beam_engine.options import engine_args
from pipeline.beam_engine.problems import find_problems
from pipeline.settings_loader import ConfigError, build_settings

_SECTION = "beam."


def scoring_args(
    bundle: str,
    engine: str | None,
    settings: dict[str, Any],
    output: Path,
    *,
    is_dry_run: bool = False,
) -> tuple[str, ...]:
    """Returns Beam's options for a scoring.

    Args:
        bundle: As `slipway score` got it: a pipeline's name, whose `beam` section then
            holds, or a folder.
        engine: One of beam_config.ENGINES. None: local, whatever the pipeline has.
        settings: Dotted settings of the `beam` section, laid over the others.
        output: The folder of the scores.
        is_dry_run: Whether nothing will be scored: folders do not matter.

    Returns:
        None at all for the local engine: scoring then uses its own.

    Raises:
        ConfigError: A setting is unknown or of another section, or something keeps the
            engine from working.
    """
    if engine is None and settings:
        raise ConfigError(
            f"--set {next(iter(settings))} is given without --engine; the settings "
            "are an engine's."
        )
    if engine is None or engine == "local":
        return ()
    config = _read_section(bundle, {**settings, "beam.engine": engine})
    folders = {} if is_dry_run else {"--output": str(output.absolute())}
    problems = list(find_problems(config, folders))
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(engine_args(config, str(output.absolute().parent)))


def _read_section(bundle: str, settings: dict[str, Any]) -> BeamConfig:
    for name in settings:
        if not name.startswith(_SECTION):
            raise ConfigError(f"--set {name}: expected a setting of beam, beam.….")
    if not Path(bundle).is_dir():
        from pipeline.config import load_config
        from pipeline.pipeline_argument import find_config

        return load_config(find_config(bundle.partition("/")[0]), settings).beam
    values: dict[str, Any] = {}
    for name, value in settings.items():
        *parents, last = name.removeprefix(_SECTION).split(".")
        section = values
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    config = build_settings(BeamConfig, values, "beam")
    return with_absolute_paths(config, lambda path: str(Path(path).absolute()))
