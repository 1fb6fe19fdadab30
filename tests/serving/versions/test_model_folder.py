"""Which versions of a model count, and for what."""

import shutil

import pytest

from serving.versions.change_lock import is_changing
from serving.versions.errors import VersionsError
from serving.versions.model_folder import (
    HELD,
    all_versions,
    held_versions,
    list_versions,
    next_version,
    served_version,
)
from tests.serving.versions.paper_versions import push_four


def test_folders_that_tf_serving_does_not_take_for_versions_do_not_count(tmp_path):
    for name in ("3", "003x", ".pushing-4-ab", "notes", "-5", "٣", "9" * 19):
        (tmp_path / name).mkdir()
    (tmp_path / "9").touch()
    (tmp_path / HELD / "12").mkdir(parents=True)
    assert list_versions(tmp_path) == [3]
    assert held_versions(tmp_path) == [12]
    assert all_versions(tmp_path) == [3, 12]
    assert next_version(tmp_path) == 13


@pytest.mark.parametrize("name", ["007", "0", "00"])
def test_padded_number_is_refused_for_tf_serving_would_serve_it(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(VersionsError, match=rf"'{name}', which TF Serving takes for"):
        list_versions(tmp_path)


def test_model_that_was_never_pushed_has_no_versions(tmp_path):
    absent = tmp_path / "absent"
    assert list_versions(absent) == all_versions(absent) == []
    assert served_version(absent) is None
    assert next_version(absent) == 1
    assert not is_changing(absent)


def test_number_of_a_deleted_version_is_not_given_again(tmp_path):
    model_dir = push_four(tmp_path)
    shutil.rmtree(model_dir / "4")
    assert next_version(model_dir) == 5
