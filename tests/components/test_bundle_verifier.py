"""The component lets a sound bundle pass and stops at a damaged one."""

import json
from pathlib import Path

import pytest
from tfx.types.standard_artifacts import InfraBlessing, PushedModel

from components.bundle_verifier.component import BundleVerifier
from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError
from tests.serving.tiny_bundle import build_tiny_bundle


@pytest.fixture
def verify(tmp_path):
    function = BundleVerifier.EXECUTOR_SPEC.executor_class._FUNCTION

    def run(destination):
        pushed = PushedModel()
        pushed.set_string_custom_property("pushed_destination", str(destination))
        blessing = InfraBlessing()
        blessing.uri = str(tmp_path / "blessing")
        Path(blessing.uri).mkdir()
        function(pushed_model=pushed, blessing=blessing, allow_other_tensorflow=0)
        return blessing

    return run


def test_sound_bundle_is_blessed(verify, tmp_path):
    blessing = verify(build_tiny_bundle(tmp_path / "rides" / "1"))

    report = json.loads((Path(blessing.uri) / "verification.json").read_text())
    assert blessing.get_int_custom_property("blessed") == 1
    assert (
        blessing.get_string_custom_property("bundle_digest") == report["bundle_digest"]
    )
    assert (Path(blessing.uri) / "INFRA_BLESSED").exists()


def test_damaged_bundle_stops_the_pipeline(verify, tmp_path):
    bundle = build_tiny_bundle(tmp_path / "rides" / "1")
    (bundle / layout.GOLDEN_BATCH).unlink()
    with pytest.raises(BundleRefusedError, match=r"golden_batch\.json is missing"):
        verify(bundle)


def test_run_that_pushed_nothing_is_an_error(verify):
    with pytest.raises(FileNotFoundError, match="nothing was pushed"):
        verify("")
