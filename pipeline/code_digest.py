"""What a run makes of its data, as one digest: sources, settings, schema, libraries.

Two runs with equal digests over equal data make the same model. Where the data lie,
how nodes are run and where the model goes do not enter it.
"""

import dataclasses
import hashlib
import json
import pkgutil
from pathlib import Path

import components
from pipeline.config import PipelineConfig
from pipeline.source_digest import SourceSnapshot, library_versions

# Sections, or settings of one, that do not decide what a model learns.
_LEFT_OUT = (
    "work_dir",
    "min_free_disk_gib",
    "run",
    "beam",
    "metadata",
    "cluster",
    "deployment",
    "monitoring",
    "retraining",
    "data.prepare",
    "data.input_base",
    "data.spans",
    "validation.schema",
)


def code_digest(config: PipelineConfig, sources: SourceSnapshot) -> str:
    """Returns a SHA-256 (hex).

    Args:
        config: The effective configuration.
        sources: The run's snapshot.
    """
    facts = [
        _deciding_settings(config),
        hashlib.sha256(Path(config.validation.schema).read_bytes()).hexdigest(),
        sources.digests(_modules(config)),
        library_versions(),
    ]
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _deciding_settings(config: PipelineConfig) -> dict[str, object]:
    settings = dataclasses.asdict(config)
    for name in _LEFT_OUT:
        section, _, setting = name.partition(".")
        if setting:
            settings[section].pop(setting)
        else:
            settings.pop(section)
    return settings


def _modules(config: PipelineConfig) -> list[str]:
    """Returns the modules that do the work: every component and the user's own."""
    own = [
        config.train.run_fn,
        config.transform.preprocessing_fn,
        *([config.tune.tuner_fn] if config.tune.tuner_fn else []),
    ]
    packages = [found.name for found in pkgutil.iter_modules(components.__path__)]
    return [
        *(f"components.{name}.component" for name in packages),
        config.train.features,
        *(path.rpartition(".")[0] for path in own),
    ]
