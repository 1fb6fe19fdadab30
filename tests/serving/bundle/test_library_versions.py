"""Which differences between libraries are warnings and which refuse a bundle."""

import importlib.metadata
import platform

import pytest

from serving.bundle.errors import BundleRefusedError
from serving.bundle.library_versions import (
    check_versions,
    compare_versions,
    installed_versions,
)

TRAINED = {"python": "3.12.3", "tensorflow": "2.21.0", "numpy": "2.1.0", "tfx": "1.21"}


def test_same_versions_say_nothing():
    assert check_versions(TRAINED, TRAINED) == []


def test_what_is_not_installed_says_nothing():
    assert check_versions(TRAINED, {"tensorflow": "2.21.0"}) == []


def test_another_patch_is_a_warning():
    assert check_versions(TRAINED, TRAINED | {"tensorflow": "2.21.1"}) == [
        "tensorflow is 2.21.1 here and was 2.21.0 when the model was made"
    ]


@pytest.mark.parametrize("running", ["2.20.0", "2.22.0", "3.21.0", "2.2.1", "2.210.0"])
def test_another_minor_is_refused(running):
    with pytest.raises(BundleRefusedError) as caught:
        check_versions(TRAINED, TRAINED | {"tensorflow": running})
    assert caught.value.guard == "library_versions"
    assert f"TensorFlow is {running} here and was 2.21.0" in caught.value.reason
    assert "Install tensorflow==2.21.*" in caught.value.reason


def test_another_minor_is_a_warning_where_it_is_allowed():
    assert check_versions(
        TRAINED, TRAINED | {"tensorflow": "2.22.0"}, allow_other_tensorflow=True
    ) == ["tensorflow is 2.22.0 here and was 2.21.0 when the model was made"]


def test_other_libraries_are_warnings_only():
    running = TRAINED | {"numpy": "3.0.0", "python": "3.13.0", "tfx": "2.0"}
    assert len(check_versions(TRAINED, running)) == 3


def test_contract_without_tensorflow_is_refused():
    with pytest.raises(BundleRefusedError, match="does not say which TensorFlow"):
        check_versions({"numpy": "2.1.0"}, TRAINED)


def test_differences_are_in_the_order_of_the_contract():
    running = dict.fromkeys(reversed(TRAINED), "0")
    assert [found.library for found in compare_versions(TRAINED, running)] == [
        "python",
        "tensorflow",
        "numpy",
        "tfx",
    ]


def test_installed_versions_are_those_of_this_python():
    found = installed_versions()
    assert found["python"] == platform.python_version()
    assert found["tensorflow"] == importlib.metadata.version("tensorflow")
