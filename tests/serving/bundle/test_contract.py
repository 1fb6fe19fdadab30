"""contract.json: what it says comes back; what is wrong in it is named."""

import json

import pytest

from serving.bundle import layout
from serving.bundle.contract import (
    FORMAT_VERSION,
    decode_contract,
    encode_contract,
    read_contract,
)
from serving.bundle.errors import BundleRefusedError
from tests.serving.bundle.documents import KEPT, signed

TEXT = (KEPT / layout.CONTRACT).read_bytes()


def refusal(text):
    with pytest.raises(BundleRefusedError) as caught:
        decode_contract(text)
    return caught.value


def changed(path, value):
    """Returns the contract with one field replaced, its digest right."""
    document = json.loads(TEXT)
    *parents, last = path
    place = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    return signed(document)


def test_contract_comes_back_byte_for_byte():
    sealed = decode_contract(TEXT)
    assert encode_contract(sealed.contract) == TEXT
    assert len(sealed.digest) == 64


def test_feature_names_are_in_order():
    assert decode_contract(TEXT).contract.feature_names == ("miles", "month", "carrier")


def fields(value, path=()):
    """Goes through every field of a JSON document that is neither object nor list."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in parts:
            yield from fields(part, (*path, name))
    else:
        yield path, value


# Not part of Contract: they have checks of their own.
HEAD = {"format", "format_version", "contract_digest"}
FIELDS = [path for path, _ in fields(json.loads(TEXT)) if path[0] not in HEAD]


@pytest.mark.parametrize(
    "path", FIELDS, ids=[".".join(map(str, path)) for path in FIELDS]
)
@pytest.mark.parametrize("wrong", [[], {}], ids=["list", "object"])
def test_wrong_type_is_named(path, wrong):
    found = refusal(changed(path, wrong))
    assert found.guard == "format"
    assert f"field {'.'.join(map(str, path))!r} is {wrong}" in found.reason


@pytest.mark.parametrize(
    ("path", "wrong", "telling"),
    [
        (("model", "name"), 17, "'model.name' is 17"),
        (("run", "code", "is_modified"), "yes", "'run.code.is_modified' is \"yes\""),
        (("evaluation", "confidence"), "0.95", "'evaluation.confidence' is \"0.95\""),
        (("evaluation", "metrics", 0, "low"), "0", "'evaluation.metrics.0.low'"),
        (("evaluation", "checks", 0, "is_met"), 1, "'evaluation.checks.0.is_met' is 1"),
        (("model", "version"), 1.0, "'model.version' is 1.0"),
        (("model", "version"), "1", "'model.version' is \"1\""),
        (("model", "version"), None, "'model.version' is null"),
        (("raw_features", 0, "dtype"), "float64", "'raw_features.0.dtype'"),
        (("raw_features", 0, "missing"), "null", "'raw_features.0.missing'"),
        (("raw_features",), {}, "'raw_features' is {}"),
        (("signatures",), [], "'signatures' is []"),
        (("library_versions", "tensorflow"), 2.21, "'library_versions.tensorflow'"),
        (("model", "nickname"), "r", "'model.nickname' is not known"),
        (("more",), 1, "'more' is not known"),
    ],
)
def test_wrong_value_is_named(path, wrong, telling):
    found = refusal(changed(path, wrong))
    assert found.guard == "format"
    assert telling in found.reason


@pytest.mark.parametrize("name", sorted(set(json.loads(TEXT)) - HEAD - {"files"}))
def test_missing_field_is_named(name):
    document = json.loads(TEXT)
    del document[name]
    assert refusal(signed(document)).reason == (
        f"{layout.CONTRACT}: field {name!r} is missing."
    )


def test_contract_without_measurements_comes_back():
    document = json.loads(TEXT)
    document["serving"] = None
    text = signed(document)
    sealed = decode_contract(text)
    assert sealed.contract.serving is None
    assert encode_contract(sealed.contract) == text


def test_format_1_has_no_measurements():
    document = json.loads(TEXT)
    document["format_version"] = 1
    found = refusal(signed(document))
    assert found.guard == "format"
    assert found.reason == (
        f"{layout.CONTRACT}: field 'serving' is not known before format_version 2; "
        "this is 1."
    )
    del document["serving"]
    assert decode_contract(signed(document)).contract.serving is None


@pytest.mark.parametrize(
    ("name", "wrong", "telling"),
    [
        ("load_s", 0.0, "load_s is 0.0; expected more than 0"),
        ("warmup_s", -0.1, "warmup_s is -0.1; expected 0 or more"),
        ("memory_bytes", 0, "memory_bytes is 0; expected more than 0"),
        ("latency_p50_ms", -1.0, "latency_p50_ms is -1.0; expected more than 0"),
        ("latency_p99_ms", 0.5, "latency_p99_ms is 0.5; expected at least"),
        ("batches", [], "batches have [] rows; expected one batch or more"),
        (
            "batches",
            [{"num_rows": rows, "call_ms": 1.0} for rows in (8, 8)],
            "batches have [8, 8] rows; expected one batch or more, each larger",
        ),
        ("batches", [{"num_rows": 0, "call_ms": 1.0}], "num_rows is 0; expected more"),
        ("batches", [{"num_rows": 1, "call_ms": 0.0}], "call_ms is 0.0; expected more"),
    ],
)
def test_figures_that_nobody_can_have_measured_are_refused(name, wrong, telling):
    found = refusal(changed(("serving", name), wrong))
    assert found.guard == "format"
    assert "field 'serving" in found.reason
    assert telling in found.reason


def test_newer_format_is_refused_whatever_it_holds():
    found = refusal(changed(["format_version"], FORMAT_VERSION + 1))
    assert found.guard == "format"
    assert found.reason == (
        f"{layout.CONTRACT} has format_version {FORMAT_VERSION + 1}; this slipway "
        f"reads up to {FORMAT_VERSION}. Upgrade slipway."
    )


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None, [1]])
def test_impossible_format_version_is_refused(version):
    found = refusal(changed(["format_version"], version))
    assert found.guard == "format"
    assert f"format_version is {version!r}; expected 1 to" in found.reason


def test_another_format_is_refused():
    found = refusal(changed(["format"], "slipway-run"))
    assert (found.guard, found.reason) == (
        "identity",
        f"{layout.CONTRACT} is of format 'slipway-run'; expected 'slipway-bundle'.",
    )


def test_changed_digest_is_refused():
    start = TEXT.rindex(b'"contract_digest": "') + len(b'"contract_digest": "')
    found = refusal(TEXT[:start] + b"f" * 64 + TEXT[start + 64 :])
    assert found.guard == "identity"
    assert "it says ffffffffffff…" in found.reason


def test_digest_must_end_the_file():
    document = json.loads(TEXT)
    document["more"] = document.pop("contract_digest")
    assert (
        "does not end with its contract_digest"
        in refusal(json.dumps(document, indent=1).encode()).reason
    )


def test_unpaired_surrogate_is_refused():
    assert refusal(TEXT.replace(b"blessed: auc", b"blessed\\ud800: auc", 1)).guard == (
        "identity"
    )
    document = json.loads(TEXT)
    text = signed(document, old=b"blessed: auc", new=b"blessed\\ud800: auc")
    assert refusal(text).guard == "format"


@pytest.mark.parametrize("depth", [100, 250, 950, 5000, 100_000])
def test_deep_nesting_is_refused(depth):
    deep = b"[" * depth + b"]" * depth
    text = signed(
        json.loads(TEXT), old=b'"run": {', new=b'"deep": %b,\n "run": {' % deep
    )
    assert refusal(text).guard in ("format", "identity")


def test_huge_contract_is_refused_unread(tmp_path):
    (tmp_path / layout.EXTRA).mkdir()
    with (tmp_path / layout.CONTRACT).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BundleRefusedError, match=r"1,099,511,627,776 bytes; expected"):
        read_contract(tmp_path)


def test_folder_without_a_contract_is_refused(tmp_path):
    with pytest.raises(
        BundleRefusedError, match=r"has no assets\.extra/contract\.json"
    ):
        read_contract(tmp_path)
