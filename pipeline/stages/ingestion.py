"""Stage 1, spans to Examples."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components.columnar_example_gen.component import ColumnarExampleGen
from pipeline.data_config import DataConfig

_READING = (
    "format",
    "columns",
    "exclude_columns",
    "where",
    "on_bad_rows",
    "max_bad_rows",
    "max_bad_fraction",
)


class Ingestion(NamedTuple):
    """Components of this stage."""

    example_gen: Any


def create_ingestion(
    config: DataConfig,
    *,
    spans: Sequence[int],
    data_digest: str,
    csv_kinds: Mapping[str, str],
) -> Ingestion:
    """Reads the given spans and splits them.

    Args:
        config: The data settings.
        spans: The spans that config.spans resolved to.
        data_digest: SHA-256 over their contents.
        csv_kinds: Column to "int", "float" or "bytes", for CSV files.
    """
    settings = dataclasses.asdict(config)
    example_gen = ColumnarExampleGen(
        input_base=config.input_base,
        spans=json.dumps(list(spans)),
        data_digest=data_digest,
        key=config.key,
        event_time=config.event_time,
        label=config.label,
        split=json.dumps(dataclasses.asdict(config.split)),
        csv_kinds=json.dumps(dict(csv_kinds), sort_keys=True),
        layout=json.dumps({name: settings[name] for name in ("pattern", "versions")}),
        reading=json.dumps({name: settings[name] for name in _READING}),
    ).with_id("example_gen")
    return Ingestion(example_gen)
