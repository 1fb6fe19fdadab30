"""The collector rests for as long as asked, and is then as it was."""

import gc

import pytest

from serving.collector_pause import collector_paused


@pytest.fixture(params=[True, False], ids=["on before", "off before"])
def was_enabled(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_it_rests_and_is_as_it_was(was_enabled):
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled() == was_enabled


def test_it_is_as_it_was_after_an_import_that_failed(was_enabled):
    with pytest.raises(ModuleNotFoundError), collector_paused():
        raise ModuleNotFoundError("nothing")
    assert gc.isenabled() == was_enabled
