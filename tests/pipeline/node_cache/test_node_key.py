"""Same parts, same key; another part, another key and exactly that difference."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.node_cache.node_key import (
    Difference,
    NodeKey,
    differences,
    flat_parameters,
)
from tests.pipeline.node_cache.workbench import key, sha

NAMES = st.text("abcxyz._-/[]", min_size=1, max_size=6)
TEXTS = st.text(max_size=8)
PARTS = st.dictionaries(NAMES, TEXTS, max_size=4)
KEYS = st.builds(
    NodeKey,
    executor=TEXTS,
    parameters=PARTS,
    inputs=PARTS,
    sources=PARTS,
    libraries=PARTS,
)
MODEL, EDITED = sha("model"), sha("edited")
ROWS, OTHERS = sha("rows")[:8], sha("others")[:8]
PART_NAMES = {
    "parameters": "parameter",
    "inputs": "input",
    "sources": "source",
    "libraries": "library",
}
LEAVES = st.none() | st.booleans() | st.integers() | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab.[]\"'0", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def reordered(parts):
    return dict(reversed(list(parts.items())))


@given(KEYS)
def test_same_parts_in_any_order_give_the_same_digest_and_no_difference(made):
    again = NodeKey(
        executor=made.executor,
        **{name: reordered(getattr(made, name)) for name in PART_NAMES},
    )
    assert again.digest == made.digest
    assert differences(made, again) == []


@given(KEYS, st.sampled_from(sorted(PART_NAMES)), NAMES, TEXTS)
def test_one_changed_part_gives_another_digest_and_exactly_that_difference(
    made, part, name, value
):
    old = getattr(made, part).get(name)
    changed = dataclasses.replace(made, **{part: {**getattr(made, part), name: value}})
    if old == value:
        assert changed.digest == made.digest
        return
    assert changed.digest != made.digest
    assert differences(made, changed) == [
        Difference(part=PART_NAMES[part], name=name, old=old, new=value)
    ]
    assert differences(changed, made) == [
        Difference(part=PART_NAMES[part], name=name, old=value, new=old)
    ]


def test_another_executor_is_a_difference_of_its_own():
    found = differences(key(), key(executor="tfx.Tuner"))
    assert [each.sentence for each in found] == [
        "executor class changed from tfx.Trainer to tfx.Tuner"
    ]
    assert key().digest != key(executor="tfx.Tuner").digest


def test_value_does_not_move_from_one_part_to_another_unnoticed():
    one = key(parameters={"a": "1"}, inputs={}, sources={}, libraries={})
    other = key(parameters={}, inputs={"a": "1"}, sources={}, libraries={})
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            {"sources": {"models/flights/model.py": sha("edited")}},
            f"models/flights/model.py changed, content {MODEL[:8]} to {EDITED[:8]}",
        ),
        (
            {"parameters": {"train_args.batch_size": "64", "seed": "7"}},
            "parameter train_args.batch_size changed from 512 to 64",
        ),
        (
            {"parameters": {"train_args.batch_size": "512"}},
            "parameter seed is gone; it was 7",
        ),
        (
            {"inputs": {"examples from example_gen": sha("others")}},
            f"its input examples from example_gen changed, content {ROWS} to {OTHERS}",
        ),
        (
            {"libraries": {"tensorflow": "2.22.0"}},
            "library tensorflow changed from 2.21.0 to 2.22.0",
        ),
        (
            {"libraries": {"tensorflow": "2.21.0", "keras": "3.15"}},
            "library keras is new: 3.15",
        ),
    ],
    ids=["source", "parameter", "gone", "input", "library", "new"],
)
def test_difference_is_told_in_words(parts, sentence):
    (found,) = differences(key(), key(**parts))
    assert found.sentence == sentence


def test_edit_is_named_before_its_consequences_and_before_libraries():
    new = key(
        sources={"models/flights/model.py": sha("edited")},
        inputs={"examples from example_gen": sha("others")},
        libraries={"tensorflow": "2.22.0"},
        parameters={"train_args.batch_size": "64", "seed": "7"},
    )
    assert [found.part for found in differences(key(), new)] == [
        "source",
        "parameter",
        "input",
        "library",
    ]


def test_long_value_is_cut():
    long = key(parameters={"seed": "7" * 100, "train_args.batch_size": "512"})
    (found,) = differences(key(), long)
    assert found.sentence == f"parameter seed changed from 7 to {'7' * 59}…"


def test_values_that_differ_behind_the_cut_are_shown_where_they_differ():
    parameters = [{"text": f"{'a' * 100}{end}"} for end in ("left", "right")]
    old, new = (key(parameters=each) for each in parameters)
    (found,) = differences(old, new)
    common = "a" * 20
    assert found.sentence == (
        f"parameter text changed from …{common}left to …{common}right"
    )


def test_digest_is_shown_short_also_as_json():
    old, new = (key(parameters={"d": f'"{sign * 64}"'}) for sign in "ab")
    (found,) = differences(old, new)
    assert found.sentence == "parameter d changed from aaaaaaaa to bbbbbbbb"


def test_parameters_are_taken_apart():
    thresholds = '[{"metric": "auc", "min": 0.65}, {"metric": "auc", "max": null}]'
    found = flat_parameters(
        {
            "thresholds": thresholds,
            "seed": 7,
            "text": "a [b]",
            "broken": "{not JSON",
            "none": None,
            "nothing": "{}",
            "_beam_args": "[1]",
        }
    )
    assert found == {
        "thresholds[0].metric": '"auc"',
        "thresholds[0].min": "0.65",
        "thresholds[1].metric": '"auc"',
        "thresholds[1].max": "null",
        "seed": "7",
        "text": '"a [b]"',
        "broken": '"{not JSON"',
        "none": "null",
        "nothing": "{}",
    }


@given(VALUES, VALUES)
def test_flat_parameters_are_equal_only_for_equal_values(one, other):
    flat = [flat_parameters({"p": json.dumps({"v": value})}) for value in (one, other)]
    is_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (flat[0] == flat[1]) is is_same


def test_dotted_key_is_not_taken_for_a_nested_one():
    assert flat_parameters({"p": '{"a.b": 1}'}) == {'p["a.b"]': "1"}
    assert flat_parameters({"p": '{"a": {"b": 1}}'}) == {"p.a.b": "1"}
    assert flat_parameters({"p": '{"a[0]": 1}'}) != flat_parameters({"p": '{"a": [1]}'})
