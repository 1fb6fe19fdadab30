"""Compares the curated schema with the one SchemaGen proposes from the data.

Only what a person would act on is a difference. Values of a domain that this data
happens not to hold, a range (SchemaGen proposes none) or a threshold are not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from components.schema_curator.declared_features import (
    TRAINING,
    allowed_strings,
    is_in_environment,
    is_validated,
    type_in_words,
)
from data.errors import list_in_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One point on which the data disagrees with the curated schema.

    Attributes:
        feature: Its name.
        kind: "only_in_data", "only_in_schema", "no_values", "type", "new_values",
            "sometimes_missing", "never_missing" or "several_values".
        curated: What the curated schema says, in words; "" if nothing.
        proposed: What the data says, in words; "" if nothing.
        sentence: All of it, for a person.
    """

    feature: str
    kind: str
    curated: str
    proposed: str
    sentence: str


def compare_schemas(
    curated: schema_pb2.Schema,
    proposed: schema_pb2.Schema,
    environment: str = TRAINING,
) -> list[Difference]:
    """Returns what the data's schema says otherwise than the curated one.

    Top-level features only; parts of a struct feature are not compared.

    Args:
        curated: The schema in git.
        proposed: SchemaGen's, inferred from statistics.
        environment: Environment the data comes from: a curated feature that it
            lacks by declaration is not missed.

    Returns:
        In the curated schema's order, then features only in the data, in theirs.
        Empty if `proposed` is `curated`.
    """
    in_data = {feature.name: feature for feature in proposed.feature}
    differences: list[Difference] = []
    for feature in curated.feature:
        found = in_data.pop(feature.name, None)
        if not is_validated(feature):
            continue
        if found is not None:
            differences += _compare_feature(curated, feature, proposed, found)
        elif is_in_environment(curated, feature, environment):
            differences.append(_only_in_schema(feature))
    return differences + [_only_in_data(feature) for feature in in_data.values()]


def _compare_feature(
    curated: schema_pb2.Schema,
    feature: schema_pb2.Feature,
    proposed: schema_pb2.Schema,
    found: schema_pb2.Feature,
) -> Iterator[Difference]:
    if _is_empty(found):
        if not _is_empty(feature):
            yield _no_values(feature)
        return
    if feature.type != found.type:
        yield _type(feature, found)
        return
    yield from _new_values(
        feature.name,
        allowed_strings(curated, feature),
        allowed_strings(proposed, found),
    )
    yield from _presence(feature, found)
    if _max_values(feature) == 1 and _max_values(found) != 1:
        yield _difference(
            feature,
            kind="several_values",
            curated="at most one value a row",
            proposed="several values in some rows",
            remedy="let value_count.max allow them, or write one value a row",
        )


def _difference(
    feature: schema_pb2.Feature, *, kind: str, curated: str, proposed: str, remedy: str
) -> Difference:
    return Difference(
        feature=feature.name,
        kind=kind,
        curated=curated,
        proposed=proposed,
        sentence=f"{feature.name}: {proposed} in the data, {curated} in the curated "
        f"schema; {remedy}.",
    )


def _only_in_data(feature: schema_pb2.Feature) -> Difference:
    type_words = type_in_words(feature.type)
    return Difference(
        feature=feature.name,
        kind="only_in_data",
        curated="",
        proposed=type_words,
        sentence=f"{feature.name}: only in the data ({type_words}); no stage reads it "
        "until the curated schema declares it.",
    )


def _only_in_schema(feature: schema_pb2.Feature) -> Difference:
    return Difference(
        feature=feature.name,
        kind="only_in_schema",
        curated=type_in_words(feature.type),
        proposed="",
        sentence=f"{feature.name}: only in the curated schema "
        f"({type_in_words(feature.type)}), no column of the data; bring the column "
        "back or take the feature out.",
    )


def _no_values(feature: schema_pb2.Feature) -> Difference:
    return _difference(
        feature,
        kind="no_values",
        curated=type_in_words(feature.type),
        proposed="no value in any row",
        remedy="mend the source or take the feature out",
    )


def _type(feature: schema_pb2.Feature, found: schema_pb2.Feature) -> Difference:
    return _difference(
        feature,
        kind="type",
        curated=type_in_words(feature.type),
        proposed=type_in_words(found.type),
        remedy="mend the source or change the type",
    )


def _new_values(
    name: str, known: Sequence[str] | None, found: Sequence[str] | None
) -> Iterator[Difference]:
    if known is None or found is None:
        return
    new = [value for value in found if value not in frozenset(known)]
    if not new:
        return
    listed = list_in_words([repr(value) for value in new])
    values = "value" if len(new) == 1 else "values"
    yield Difference(
        feature=name,
        kind="new_values",
        curated=f"one of {list_in_words([repr(value) for value in known])}",
        proposed=listed,
        sentence=f"{name}: {len(new)} {values} of the data outside the curated domain: "
        f"{listed}; add what is right to the domain.",
    )


def _presence(
    feature: schema_pb2.Feature, found: schema_pb2.Feature
) -> Iterator[Difference]:
    least, always = feature.presence.min_fraction, found.presence.min_fraction >= 1
    if least >= 1 and not always:
        yield _difference(
            feature,
            kind="sometimes_missing",
            curated="expected in every row",
            proposed="missing from some rows",
            remedy="mend the source or lower presence.min_fraction",
        )
    # Between 0 and 1 the schema already says how many gaps it stands.
    if least == 0 and always:
        yield _difference(
            feature,
            kind="never_missing",
            curated="optional",
            proposed="present in every row",
            remedy="set presence.min_fraction if a gap would be a fault",
        )


def _is_empty(feature: schema_pb2.Feature) -> bool:
    """Whether SchemaGen saw the column without a single value in it."""
    presence = feature.presence
    return bool(presence.HasField("min_count") and presence.min_count == 0)


def _max_values(feature: schema_pb2.Feature) -> int | None:
    """Returns the most values a row may hold; None: several, or not said."""
    if feature.HasField("shape"):
        sizes = [dimension.size for dimension in feature.shape.dim]
        return 1 if all(size == 1 for size in sizes) else None
    return feature.value_count.max or None
