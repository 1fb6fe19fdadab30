import pytest

from tests.pipeline.node_cache.workbench import Workbench


@pytest.fixture
def bench(tmp_path) -> Workbench:
    return Workbench(tmp_path / "work")
