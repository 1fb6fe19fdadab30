"""The manifest survives its round trip and refuses what does not add up."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataContractError
from data.manifest import SpanFile, SpanManifest

FILES = st.builds(
    SpanFile,
    name=st.text(min_size=1),
    num_rows=st.integers(0, 10**12),
    size_bytes=st.integers(0, 10**15),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
)
MANIFESTS = st.builds(
    SpanManifest,
    span=st.integers(1, 10**6),
    files=st.lists(FILES, max_size=4).map(tuple),
    first_event_time=st.none() | st.text(),
    last_event_time=st.none() | st.text(),
    source=st.none() | st.text(),
    version=st.none() | st.integers(1, 10**6),
)
MANIFEST = SpanManifest(
    span=1,
    files=(SpanFile(name="a.csv", num_rows=3, size_bytes=9, sha256="ab" * 32),),
)


@given(MANIFESTS)
def test_manifest_survives_the_round_trip(manifest: SpanManifest):
    read = SpanManifest.from_json(manifest.to_json())

    assert read == manifest
    assert read.digest == manifest.digest


@given(st.lists(FILES, min_size=2, max_size=4), st.randoms())
def test_digest_does_not_depend_on_the_order_of_files(files, random):
    shuffled = random.sample(files, len(files))

    assert (
        SpanManifest(span=1, files=tuple(files)).digest
        == SpanManifest(span=2, files=tuple(shuffled), source="elsewhere").digest
    )


def test_digest_is_the_sha256_of_names_and_digests():
    # printf 'a.csv\0abab…ab\n' | sha256sum
    assert MANIFEST.digest == (
        "21abe426ff4d3bd1ceea2c2f12befd821e2adf28d5700f61db7daf43247e7862"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"format_version": 3},
            "format_version 3; this version of slipway reads 1 and 2",
        ),
        ({"num_rows": 4}, "'num_rows': 4.*the manifest was edited"),
        ({"digest": "00" * 32}, "the manifest was edited"),
        ({"owner": "me"}, "here.json is not a span manifest: TypeError.*'owner'"),
        ({"files": 7}, "is not a span manifest: TypeError"),
    ],
    ids=["format", "rows", "digest", "unknown field", "wrong type"],
)
def test_changed_manifest_is_refused(change, message):
    text = json.dumps(json.loads(MANIFEST.to_json()) | change)

    with pytest.raises(DataContractError, match=message):
        SpanManifest.from_json(text, "here.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1'])
def test_text_that_is_no_manifest_is_refused(text):
    with pytest.raises(DataContractError, match="is not a span manifest"):
        SpanManifest.from_json(text)


def test_manifest_of_format_1_is_read_as_before():
    # Written by the version before spans had versions.
    text = """{"digest": "7a0b2f14", "files": [], "first_event_time": null,
        "format_version": 1, "last_event_time": null, "num_rows": 0,
        "size_bytes": 0, "source": null, "span": 3}"""
    document = json.loads(text) | {"digest": SpanManifest(span=3, files=()).digest}

    manifest = SpanManifest.from_json(json.dumps(document))

    assert (manifest.span, manifest.version) == (3, None)
