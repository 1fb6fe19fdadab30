"""What counts as other code: whatever decides what a model learns, and nothing else."""

import functools
import shutil
from pathlib import Path

import pytest

from pipeline import source_digest
from pipeline.code_digest import code_digest
from pipeline.config import load_config
from pipeline.pipeline_argument import find_config
from pipeline.source_digest import SourceSnapshot

SCHEMA = Path(__file__).resolve().parents[2] / "data/flights/schema.pbtxt"


def digest_of(sources, **settings):
    overrides = {name.replace("__", "."): value for name, value in settings.items()}
    return code_digest(load_config(find_config("flights"), overrides), sources)


@pytest.fixture(scope="module")
def sources():
    """One look at the sources for all tests that do not edit any."""
    return SourceSnapshot()


@pytest.fixture
def digest(sources):
    return functools.partial(digest_of, sources)


@pytest.mark.parametrize(
    "settings",
    [
        {"work_dir": "elsewhere"},
        {"data__input_base": "elsewhere"},
        {"data__spans": {"newest": 3}},
        {"data__prepare": None},
        {"deployment__push": "held"},
        {"retraining__new_spans": 5},
        {"monitoring__level": 0.05},
        {"run__retries": 2},
    ],
    ids=str,
)
def test_where_how_and_when_are_not_code(digest, settings):
    assert digest(**settings) == digest()


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": 1},
        {"train__learning_rate": 0.001},
        {"train__warm_start": True},
        {"data__where": [["distance_miles", ">", 100]]},
        {"evaluation__confidence": 0.9},
    ],
    ids=str,
)
def test_settings_that_decide_what_is_learned_are_code(digest, settings):
    assert digest(**settings) != digest()


def test_the_schema_counts_by_its_bytes_not_by_its_path(digest, tmp_path):
    copy = tmp_path / "schema.pbtxt"
    shutil.copy(SCHEMA, copy)
    assert digest(validation__schema=str(copy)) == digest()
    copy.write_bytes(SCHEMA.read_bytes() + b"# another one\n")
    assert digest(validation__schema=str(copy)) != digest()


def test_an_edited_module_of_the_use_case_is_other_code(tmp_path, monkeypatch):
    module = tmp_path / "digested_case.py"
    module.write_text("def run_fn(fn_args):\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source_digest._own_roots.cache_clear()
    before = digest_of(SourceSnapshot(), train__run_fn="digested_case.run_fn")
    module.write_text("def run_fn(fn_args):\n    return 2\n")
    after = digest_of(SourceSnapshot(), train__run_fn="digested_case.run_fn")
    assert after != before
    source_digest._own_roots.cache_clear()
