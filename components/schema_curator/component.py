"""SchemaCurator: SchemaGen proposes, the curated schema in git rules."""

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Schema

from components.schema_curator.bounded_json import bounded_json
from components.schema_curator.schema_difference import compare_schemas
from components.schema_curator.schema_file import (
    load_schema,
    parse_schema,
    read_curated,
    write_schema,
)


@component
def SchemaCurator(
    proposed_schema: InputArtifact[Schema],
    schema: OutputArtifact[Schema],
    schema_file: Parameter[str],
    schema_digest: Parameter[str],
) -> None:
    """Publishes the curated schema and notes where the data disagrees with it.

    A difference never stops the run: AnomalyGate judges the data. The difference is
    what a person reads before editing the schema.

    Args:
        proposed_schema: SchemaGen's output; reads the only file under {uri}.
        schema: {uri}/schema.pbtxt, byte for byte the curated file and the only file
            there. Custom properties: `difference` (JSON list of differences, bounded;
            components/schema_curator/README.md) and `num_differences` (int).
        schema_file: Path of the curated schema.pbtxt.
        schema_digest: SHA-256 of that file, 64 hexadecimal digits, computed when the
            pipeline was compiled: part of the cache's key, so that an edited schema
            is seen and a touched one is not.

    Raises:
        SchemaFileError: The file is absent, is not the one the digest was computed
            from, or is no schema; or {proposed_schema.uri} holds none.

    Example:
        SchemaCurator(
            proposed_schema=schema_gen.outputs["schema"],
            schema_file="data/flights/schema.pbtxt", schema_digest="9f86d081…",
        )
    """
    content = read_curated(schema_file, schema_digest)
    curated = parse_schema(content, schema_file)
    differences = compare_schemas(curated, load_schema(proposed_schema.uri))
    write_schema(schema.uri, content)
    schema.set_int_custom_property("num_differences", len(differences))
    schema.set_string_custom_property("difference", bounded_json(differences))
