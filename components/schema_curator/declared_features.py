"""What a schema says about one feature: its domain of values, where it is expected."""

from tensorflow_metadata.proto.v0 import schema_pb2

# The environment of the rows a run reads; SERVING requests lack the label.
TRAINING = "TRAINING"

_TYPE_WORDS = {"BYTES": "text", "INT": "whole numbers", "FLOAT": "decimal numbers"}

_NOT_VALIDATED = frozenset(
    schema_pb2.LifecycleStage.Value(name)
    for name in ("PLANNED", "ALPHA", "DEPRECATED", "DEBUG_ONLY", "DISABLED")
)


def allowed_strings(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature
) -> tuple[str, ...] | None:
    """Returns the values a text feature may take, in the schema's order.

    The values may stand in the feature or, under a name, in the schema.

    Returns:
        None: the schema limits nothing, or names a domain it does not hold.
    """
    where = feature.WhichOneof("domain_info")
    if where == "string_domain":
        return tuple(feature.string_domain.value)
    if where == "domain":
        for domain in schema.string_domain:
            if domain.name == feature.domain:
                return tuple(domain.value)
    return None


def is_validated(feature: schema_pb2.Feature) -> bool:
    """Whether TFDV holds data against the feature; a deprecated one it skips."""
    return feature.lifecycle_stage not in _NOT_VALIDATED


def is_in_environment(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature, environment: str
) -> bool:
    """Whether rows of the environment hold the feature.

    A schema that names no default environment has none, and all features are in.

    Source:
        TFDV, anomalies/schema.cc, `Schema::IsFeatureInEnvironment`.
    """
    if environment in feature.in_environment:
        return True
    if environment in feature.not_in_environment:
        return False
    defaults = schema.default_environment
    return environment in defaults or not (defaults or feature.in_environment)


def type_in_words(feature_type: int) -> str:
    """Returns a schema_pb2.FeatureType as "whole numbers (INT)"."""
    name: str = schema_pb2.FeatureType.Name(feature_type)
    return f"{_TYPE_WORDS[name]} ({name})" if name in _TYPE_WORDS else name
