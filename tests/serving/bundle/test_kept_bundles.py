"""Every bundle ever written can be read; see tests/serving/bundles/README.md."""

import pytest

from serving.bundle.contract import FORMAT_VERSION, read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.bundle.library_versions import installed_versions
from serving.bundle.verify import verify_bundle
from tests.serving.bundle.documents import BUNDLES

VERSIONS = range(1, FORMAT_VERSION + 1)


def test_one_bundle_of_each_format_version_is_kept():
    kept = {path.name for path in BUNDLES.iterdir() if path.is_dir()}
    assert kept == {f"v{version}" for version in VERSIONS}


@pytest.mark.parametrize("version", VERSIONS)
def test_kept_bundle_is_ok(version):
    found = verify_bundle(BUNDLES / f"v{version}", allow_other_tensorflow=True)
    assert found.is_ok, found.reason
    assert found.not_checked == ()
    trained = read_contract(BUNDLES / f"v{version}").contract.library_versions
    if trained == installed_versions():
        assert found.warnings == ()


def test_v1_holds_no_measurements():
    assert read_contract(BUNDLES / "v1").contract.serving is None


def test_v2_says_what_was_measured():
    serving = read_contract(BUNDLES / "v2").contract.serving

    assert serving is not None
    assert (serving.server, serving.load_s, serving.warmup_s) == (
        "slipway 0.1.0",
        0.9,
        0.2,
    )
    assert serving.memory_bytes == 612_368_384
    assert (serving.latency_p50_ms, serving.latency_p99_ms) == (0.6, 1.4)
    assert [(batch.num_rows, batch.call_ms) for batch in serving.batches] == [
        (1, 0.6),
        (32, 0.9),
        (512, 3.1),
    ]


def test_v1_says_what_it_said():
    sealed = read_contract(BUNDLES / "v1")
    contract = sealed.contract

    assert sealed.digest.startswith("87184fd8e56b")
    assert (contract.model.name, contract.model.version) == ("rides", 1)
    assert contract.model.pushed_at == "2026-01-02T03:04:05+00:00"
    assert contract.run.run_id == "20260102-030405-abcd"
    assert contract.data.spans[0].num_rows == 1240
    assert (contract.key, contract.label.name) == ("ride_id", "is_late")
    assert contract.label.classes == ("on_time", "late")
    assert [
        (feature.name, feature.dtype, feature.example_type, feature.missing)
        for feature in contract.raw_features
    ] == [
        ("miles", "float32", "FLOAT", "NaN"),
        ("month", "float32", "INT", "NaN"),
        ("carrier", "string", "BYTES", ""),
    ]
    assert [
        (feature.name, feature.dtype) for feature in contract.transformed_features
    ] == [("carrier_xf", "int64"), ("miles_xf", "float32"), ("month_xf", "int64")]
    inputs = contract.signatures["serving_default"].inputs
    assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in inputs] == [
        ("carrier", "string", (-1,)),
        ("miles", "float32", (-1,)),
        ("month", "float32", (-1,)),
    ]
    assert contract.library_versions["tensorflow"] == "2.21.0"
    metric = contract.evaluation.metrics[0]
    assert (metric.name, metric.value, metric.low, metric.high) == (
        "auc",
        0.71,
        0.66,
        0.76,
    )
    assert contract.evaluation.checks[0].is_met
    assert len(contract.files) == 9


def test_v1_answers_what_it_answered():
    golden = read_golden_batch(BUNDLES / "v1")

    assert len(golden.rows) == 24
    assert golden.rows[0].raw == (3.7, 1, "UA")
    assert golden.rows[0].transformed == (0, -1.7163051, 1)
    assert golden.rows[0].outputs == ("on_time", 0.068838194)
    assert golden.rows[20].raw == (None, 3, "EV")
    assert golden.left_out == ("carrier=YY",)
    assert (golden.tolerance.absolute, golden.tolerance.relative) == (1e-5, 1e-5)
