"""Documents nobody would write: readers answer, and what is written comes back."""

import dataclasses
import json
import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.bundle import layout
from serving.bundle.contract import (
    Metric,
    RawFeature,
    Span,
    TensorContract,
    TransformedFeature,
    decode_contract,
    encode_contract,
)
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import (
    GoldenBatch,
    GoldenRow,
    Tolerance,
    decode_golden_batch,
    encode_golden_batch,
    plain_float,
)
from serving.bundle.schema_file import parse_schema
from tests.serving.bundle.documents import KEPT, signed

CONTRACT = (KEPT / layout.CONTRACT).read_bytes()
GUARDS = ("identity", "format", "schema")
GOLDEN = (KEPT / layout.GOLDEN_BATCH).read_bytes()
SCHEMA = (KEPT / layout.SCHEMA).read_bytes()

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
whole_numbers = st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | whole_numbers | numbers | names,
    lambda parts: (
        st.lists(parts, max_size=3) | st.dictionaries(names, parts, max_size=3)
    ),
    max_leaves=8,
)


def refusal(read, text):
    """Returns how a text is refused, None if it is read; no other error may come."""
    try:
        read(text)
    except BundleRefusedError as error:
        return error
    return None


def is_plain(error):
    return error.reason.endswith(".") and error.guard in GUARDS


@st.composite
def mutated(draw, text):
    """Replaces, cuts out and inserts pieces of a text."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 8)))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from(
                [b"{", b"]", b'"', b"\\u", b"NaN", b"1e999", b"-", b"null"]
            )
        )
        text = text[:start] + piece + text[end:]
    return text


@given(mutated(CONTRACT))
def test_mutated_contract_is_refused(text):
    assert text == CONTRACT or is_plain(refusal(decode_contract, text))


@given(mutated(GOLDEN))
def test_mutated_golden_batch_is_read_or_refused(text):
    found = refusal(decode_golden_batch, text)
    assert found is None or is_plain(found)


@given(mutated(SCHEMA))
def test_mutated_schema_is_read_or_refused(text):
    found = refusal(parse_schema, text)
    assert found is None or is_plain(found)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(text):
    assert is_plain(refusal(decode_contract, text))
    assert is_plain(refusal(decode_golden_batch, text))


PATHS = st.sampled_from(
    [(name,) for name in json.loads(CONTRACT) if name != "contract_digest"]
    + [("model", "version"), ("run", "code"), ("raw_features", 0), ("files", 0, "path")]
    + [("signatures", "serving_default", "inputs", 0, "shape")]
)


@given(PATHS, documents)
def test_any_value_in_a_sealed_contract_is_read_or_refused(path, value):
    document = json.loads(CONTRACT)
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    found = refusal(decode_contract, signed(document))
    assert found is None or is_plain(found)


@given(st.sampled_from(sorted(json.loads(GOLDEN))), documents)
def test_any_value_in_a_golden_batch_is_read_or_refused(name, value):
    text = json.dumps(json.loads(GOLDEN) | {name: value}).encode()
    found = refusal(decode_golden_batch, text)
    assert found is None or is_plain(found)


raw_features = st.builds(
    RawFeature,
    name=names,
    dtype=st.sampled_from(["float32", "string"]),
    example_type=st.sampled_from(["INT", "FLOAT", "BYTES"]),
    missing=st.sampled_from(["NaN", ""]),
)
tensors = st.builds(
    TensorContract,
    name=names,
    dtype=names,
    shape=st.none() | st.lists(whole_numbers, max_size=3).map(tuple),
)
metrics = st.builds(
    Metric,
    name=names,
    value=st.none() | numbers,
    low=st.none() | numbers,
    high=st.none() | numbers,
    method=st.none() | names,
)
contracts = st.builds(
    lambda name, key, features, transformed, spans, entries, inputs, versions: (
        dataclasses.replace(
            BASE,
            model=dataclasses.replace(BASE.model, name=name),
            key=key,
            raw_features=tuple(features),
            transformed_features=tuple(transformed),
            data=dataclasses.replace(BASE.data, spans=tuple(spans)),
            evaluation=dataclasses.replace(BASE.evaluation, metrics=tuple(entries)),
            signatures={
                key: dataclasses.replace(signature, inputs=tuple(inputs))
                for key, signature in BASE.signatures.items()
            },
            library_versions=versions,
        )
    ),
    names,
    names,
    st.lists(raw_features, max_size=3),
    st.lists(st.builds(TransformedFeature, name=names, dtype=names), max_size=3),
    st.lists(
        st.builds(Span, span=whole_numbers, digest=names, num_rows=whole_numbers),
        max_size=2,
    ),
    st.lists(metrics, max_size=3),
    st.lists(tensors, max_size=3),
    st.dictionaries(names, names, max_size=3),
)
BASE = decode_contract(CONTRACT).contract


@given(contracts)
def test_any_contract_comes_back(contract):
    text = encode_contract(contract)
    sealed = decode_contract(text)
    assert sealed.contract == contract
    assert encode_contract(sealed.contract) == text


@st.composite
def golden_batches(draw):
    kinds = {
        kind: draw(st.lists(names, min_size=1, max_size=3, unique=True))
        for kind in ("raw", "transformed", "outputs")
    }
    value = whole_numbers | numbers | names
    row = st.builds(
        GoldenRow,
        raw=st.tuples(*[st.none() | numbers | names] * len(kinds["raw"])),
        transformed=st.tuples(*[value] * len(kinds["transformed"])),
        outputs=st.tuples(*[value | st.lists(value)] * len(kinds["outputs"])),
    )
    return GoldenBatch(
        raw_features=tuple(kinds["raw"]),
        transformed_features=tuple(kinds["transformed"]),
        outputs=tuple(kinds["outputs"]),
        rows=tuple(draw(st.lists(row, min_size=1, max_size=3))),
        left_out=tuple(draw(st.lists(names, max_size=2))),
        tolerance=Tolerance(
            absolute=draw(st.floats(0, 0.01)), relative=draw(st.floats(0, 0.01))
        ),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(golden_batches())
def test_any_golden_batch_comes_back(batch):
    assert decode_golden_batch(encode_golden_batch(batch)) == batch


@settings(max_examples=1000)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_plain_float_gives_every_float32_back(value):
    plain = plain_float(value)
    assert np.float32(plain).tobytes() == np.float32(value).tobytes()
    assert np.float32(json.loads(json.dumps(plain))) == np.float32(value)


def test_plain_float_gives_the_outermost_float32_back():
    limits = np.finfo(np.float32)
    for value in (limits.max, limits.tiny, limits.smallest_subnormal, limits.eps, -0.0):
        plain = plain_float(value)
        assert np.float32(plain) == value
        assert math.copysign(1, plain) == math.copysign(1, value)
