import json

import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2

from components.schema_curator.bounded_json import bounded_json
from components.schema_curator.schema_difference import (
    Difference,
    compare_schemas,
)

HOUR = 'feature { name: "hour" type: INT presence { min_fraction: 1 min_count: 1 } }'


def parse(text: str) -> schema_pb2.Schema:
    return text_format.Parse(text, schema_pb2.Schema())


def only(curated: str, proposed: str) -> Difference:
    differences = compare_schemas(parse(curated), parse(proposed))
    assert len(differences) == 1, differences
    return differences[0]


@pytest.mark.parametrize(
    ("curated", "proposed", "kind", "sentence"),
    [
        (
            HOUR,
            HOUR + 'feature { name: "x" type: FLOAT }',
            "only_in_data",
            (
                "x: only in the data (decimal numbers (FLOAT)); no stage reads it "
                "until the curated schema declares it."
            ),
        ),
        (
            HOUR + 'feature { name: "x" type: FLOAT }',
            HOUR,
            "only_in_schema",
            (
                "x: only in the curated schema (decimal numbers (FLOAT)), no "
                "column of the data; bring the column back or take the feature "
                "out."
            ),
        ),
        (
            HOUR,
            'feature { name: "hour" type: BYTES presence { min_count: 0 } }',
            "no_values",
            (
                "hour: no value in any row in the data, whole numbers (INT) in the "
                "curated schema; mend the source or take the feature out."
            ),
        ),
        (
            HOUR,
            HOUR.replace("INT", "BYTES"),
            "type",
            (
                "hour: text (BYTES) in the data, whole numbers (INT) in the "
                "curated schema; mend the source or change the type."
            ),
        ),
        (
            HOUR,
            'feature { name: "hour" type: INT presence { min_count: 1 } }',
            "sometimes_missing",
            (
                "hour: missing from some rows in the data, expected in every row "
                "in the curated schema; mend the source or lower "
                "presence.min_fraction."
            ),
        ),
        (
            'feature { name: "hour" type: INT }',
            HOUR,
            "never_missing",
            (
                "hour: present in every row in the data, optional in the curated "
                "schema; set presence.min_fraction if a gap would be a fault."
            ),
        ),
        (
            HOUR.replace("type", "value_count { min: 1 max: 1 } type"),
            HOUR.replace("type", "value_count { min: 1 } type"),
            "several_values",
            (
                "hour: several values in some rows in the data, at most one value "
                "a row in the curated schema; let value_count.max allow them, or "
                "write one value a row."
            ),
        ),
    ],
)
def test_a_difference_has_its_kind_and_sentence(curated, proposed, kind, sentence):
    difference = only(curated, proposed)
    assert (difference.kind, difference.sentence) == (kind, sentence)


def domain(name: str, *values: str) -> str:
    listed = " ".join(f'value: "{value}"' for value in values)
    return (
        f'feature {{ name: "carrier" type: BYTES domain: "{name}" }} '
        f'string_domain {{ name: "{name}" {listed} }}'
    )


def test_new_values_are_named_up_to_five_whatever_the_domains_are_called():
    new = ["T", "U", "V", "W", "X", "Y", "Z"]
    difference = only(domain("a", "AA", "UA"), domain("b", "AA", *new))
    assert difference.kind == "new_values"
    assert difference.sentence == (
        "carrier: 7 values of the data outside the curated domain: 'T', 'U', 'V', 'W', "
        "'X' … and 2 more; add what is right to the domain."
    )
    assert difference.curated == "one of 'AA', 'UA'"


def test_inline_and_named_domains_compare():
    inline = 'feature { name: "carrier" type: BYTES string_domain { value: "AA" } }'
    assert only(inline, domain("a", "AA", "ZZ")).proposed == "'ZZ'"


@pytest.mark.parametrize(
    ("curated", "proposed"),
    [
        (domain("a", "AA", "UA"), domain("a", "AA")),
        (domain("a", "AA"), 'feature { name: "carrier" type: BYTES }'),
        ('feature { name: "carrier" type: BYTES }', domain("a", "AA")),
        (
            HOUR.replace("min_fraction: 1 ", "min_fraction: 0.9 "),
            HOUR,
        ),
        (
            HOUR.replace("type", "value_count { min: 1 max: 1 } type"),
            HOUR.replace("type", "shape { dim { size: 1 } } type"),
        ),
        (HOUR + 'feature { name: "x" lifecycle_stage: DEPRECATED }', HOUR),
        (
            HOUR + 'feature { name: "x" lifecycle_stage: DEPRECATED }',
            HOUR + 'feature { name: "x" type: INT }',
        ),
    ],
    ids=[
        "value not seen",
        "too many values to propose a domain",
        "no curated domain",
        "minimum says how many gaps it stands",
        "shape or value count",
        "deprecated and gone",
        "deprecated and still there",
    ],
)
def test_what_nobody_would_act_on_is_no_difference(curated, proposed):
    assert compare_schemas(parse(curated), parse(proposed)) == []


@pytest.mark.parametrize(
    ("environments", "is_missed"),
    [
        ('not_in_environment: "TRAINING"', False),
        ('in_environment: "SERVING"', False),
        ('not_in_environment: "SERVING"', True),
        ("", True),
    ],
)
@pytest.mark.parametrize("declares", [True, False], ids=["defaults", "no defaults"])
def test_a_feature_of_another_environment_is_not_missed(
    environments, is_missed, declares
):
    defaults = 'default_environment: "TRAINING" default_environment: "SERVING"'
    defaults = defaults if declares else ""
    if declares and environments.startswith("in_"):
        defaults = 'default_environment: "SERVING"'
        environments = ""
    feature = f'feature {{ name: "label" type: INT {environments} }}'
    proposed = parse('feature { name: "other" type: INT }')
    kinds = {
        difference.kind
        for difference in compare_schemas(parse(feature + defaults), proposed)
    }
    assert ("only_in_schema" in kinds) == is_missed


def test_order_is_the_curated_schemas_then_the_datas():
    curated = "".join(f'feature {{ name: "{name}" type: INT }}' for name in "zya")
    proposed = "".join(f'feature {{ name: "{name}" type: BYTES }}' for name in "pbazy")
    names = [d.feature for d in compare_schemas(parse(curated), parse(proposed))]
    assert names == ["z", "y", "a", "p", "b"]


def test_against_a_schema_tfdv_inferred():
    lists = {
        "hour": pa.array([[1], [2], [3]], pa.large_list(pa.int64())),
        "carrier": pa.array([[b"AA"], None, [b"ZZ"]], pa.large_list(pa.large_binary())),
        "gone": pa.array([None, None, None], pa.large_list(pa.float32())),
        "tags": pa.array([[1], [1, 2], [3]], pa.large_list(pa.int64())),
    }
    batch = pa.RecordBatch.from_arrays(list(lists.values()), names=list(lists))
    statistics = stats_impl.generate_statistics_in_memory(batch)
    curated = parse(
        """
        feature { name: "hour" type: INT value_count { min: 1 max: 1 }
                  presence { min_fraction: 1 } }
        feature { name: "carrier" type: BYTES string_domain { value: "AA" }
                  value_count { min: 1 max: 1 } presence { min_fraction: 1 } }
        feature { name: "gone" type: FLOAT }
        feature { name: "tags" type: INT value_count { min: 1 max: 1 }
                  presence { min_fraction: 1 } }
        """
    )
    for infer_shape in (True, False):
        proposed = tfdv.infer_schema(statistics, infer_feature_shape=infer_shape)
        found = [(d.feature, d.kind) for d in compare_schemas(curated, proposed)]
        assert found == [
            ("carrier", "new_values"),
            ("carrier", "sometimes_missing"),
            ("gone", "no_values"),
            ("tags", "several_values"),
        ]


names = st.text(alphabet="abc", min_size=1, max_size=2)
features = st.builds(
    schema_pb2.Feature,
    name=names,
    type=st.sampled_from([0, 1, 2, 3]),
    presence=st.one_of(
        st.none(),
        st.builds(
            schema_pb2.FeaturePresence,
            min_fraction=st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0])),
            min_count=st.one_of(st.none(), st.integers(0, 2)),
        ),
    ),
    value_count=st.one_of(
        st.none(), st.builds(schema_pb2.ValueCount, max=st.integers(0, 2))
    ),
    string_domain=st.one_of(
        st.none(),
        st.builds(schema_pb2.StringDomain, value=st.lists(names, max_size=3)),
    ),
    in_environment=st.lists(st.sampled_from(["TRAINING", "SERVING"]), max_size=2),
    lifecycle_stage=st.sampled_from([0, 3, 4]),
)
schemas = st.builds(
    schema_pb2.Schema,
    feature=st.lists(features, max_size=6, unique_by=lambda feature: feature.name),
    default_environment=st.lists(st.just("SERVING"), max_size=1),
)


@settings(deadline=None, max_examples=200)
@given(schemas)
def test_a_schema_does_not_differ_from_itself(schema):
    assert compare_schemas(schema, schema) == []


def test_json_is_whole_where_it_fits_and_cut_between_facts_where_not():
    proposed = "".join(f'feature {{ name: "f{n}" type: INT }}' for n in range(40))
    differences = compare_schemas(parse(HOUR), parse(HOUR + proposed))
    whole = json.loads(bounded_json(differences))
    assert [row["feature"] for row in whole] == [f"f{n}" for n in range(40)]
    text = bounded_json(differences, max_chars=900)
    cut = json.loads(text)
    assert len(text) <= 900
    assert cut[-1] == {"kind": "more", "sentence": f"… and {41 - len(cut)} more"}
    assert cut[:-1] == whole[: len(cut) - 1]
    assert len(bounded_json(differences, max_chars=len(json.dumps(whole)))) == len(
        json.dumps(whole)
    )
    assert bounded_json([]) == "[]"
