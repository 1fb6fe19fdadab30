"""A new version that is broken or half there, under load: the old one goes on."""

import asyncio
import shutil

import pytest

from tests.serving.load.crowd import Crowd
from tests.serving.load.model_states import states, until, until_error, until_state
from tests.serving.tiny_bundle import build_tiny_bundle

VARIABLES = "variables/variables.data-00000-of-00001"


@pytest.fixture
def crowd_of(server):
    """A function that gives a crowd of clients of a model."""

    def make(model):
        return Crowd(
            rest_port=server.rest_port, grpc_target=server.grpc_target, model=model
        )

    return make


def truncate(folder):
    data = (folder / VARIABLES).read_bytes()
    (folder / VARIABLES).write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("truncated", "Read less bytes than requested"),
        ("wrong_graph", "Key factor not found in checkpoint"),
    ],
)
def test_old_version_answers_while_a_broken_one_is_tried(
    server, load_root, telling, crowd_of, model, reason
):
    new, half_done = load_root / model / "2", load_root / f"broken_{model}"
    shutil.copytree(telling / "2", half_done)
    if model == "truncated":
        truncate(half_done)
    else:
        shutil.copy(telling / "other" / "saved_model.pb", half_done)
    crowd = crowd_of(model)

    async def run():
        async with crowd.asking(rest=8, grpc=2):
            half_done.rename(new)
            error = await until_error(server, model, 2)
            await crowd.until_each_asked(5)
        return error

    error = asyncio.run(run())
    assert reason in error
    assert f"version {model}/2 is not served: " in server.log_text()
    assert not crowd.problems, crowd.problems[:3]
    assert {one.version for one in crowd.asked} == {1}
    assert states(server, model)[1] == ("AVAILABLE", "")


def test_bundle_that_does_not_verify_never_serves(server, load_root, tmp_path):
    """Its graph loads and would answer; its contract says that it is another file's."""
    sound = build_tiny_bundle(tmp_path / "2", version=2, bias=3.0)
    shutil.copytree(sound, load_root / "rides_2")
    text = bytearray((load_root / "rides_2" / VARIABLES).read_bytes())
    text[-1] ^= 1
    (load_root / "rides_2" / VARIABLES).write_bytes(text)
    (load_root / "rides_2").rename(load_root / "rides" / "2")

    async def refused_then_mended():
        error = await until_error(server, "rides", 2)
        assert states(server, "rides")[1] == ("AVAILABLE", "")
        shutil.copy(sound / VARIABLES, load_root / "rides" / "2" / VARIABLES)
        await until_state(server, "rides", 2, "AVAILABLE")
        return error

    error = asyncio.run(refused_then_mended())
    assert error.startswith("bundle refused by ")
    assert VARIABLES in error


def test_half_copied_version_is_taken_when_it_is_whole(
    server, load_root, telling, crowd_of
):
    """saved_model.pb is there at once, the variables later: a plain copy."""
    source, target = telling / "2", load_root / "half_copied" / "2"
    crowd = crowd_of("half_copied")

    def is_waited_for():
        _, error = states(server, "half_copied").get(2, ("", ""))
        return "waiting for it" in error

    async def run():
        async with crowd.asking(rest=8, grpc=2):
            target.mkdir()
            await until(is_waited_for, "the missing graph is told of")
            shutil.copy(source / "saved_model.pb", target)
            error = await until_error(server, "half_copied", 2)
            assert crowd.asked[-1].version == 1
            (target / "variables").mkdir()
            for file in sorted((source / "variables").iterdir()):
                shutil.copy(file, target / "variables")
                await crowd.until_each_asked(5)
            await until_state(server, "half_copied", 2, "AVAILABLE")
            await crowd.until_each_asked(5)
        return error

    error = asyncio.run(run())
    assert "variables" in error
    assert not crowd.problems, crowd.problems[:3]
    versions = [one.version for one in crowd.asked if one.way == "rest"]
    assert set(versions) == {1, 2}
    assert states(server, "half_copied")[2] == ("AVAILABLE", "")
    assert states(server, "half_copied")[1][0] == "END"


def test_version_that_grows_while_it_is_looked_at_answers_rightly(
    server, load_root, telling, crowd_of
):
    """Its variables arrive in four pieces, slower than the server looks at them."""
    source, target = telling / "2", load_root / "growing" / "2"
    crowd = crowd_of("growing")

    async def run():
        async with crowd.asking(rest=8, grpc=2):
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.data-*"))
            data = (source / VARIABLES).read_bytes()
            with (target / VARIABLES).open("wb", buffering=0) as file:
                for place in range(4):
                    part = data[place * len(data) // 4 : (place + 1) * len(data) // 4]
                    file.write(part)
                    await asyncio.sleep(0.3)
            await until_state(server, "growing", 2, "AVAILABLE")
            await crowd.until_each_asked(5)

    asyncio.run(run())
    assert not crowd.problems, crowd.problems[:3]
    assert {one.version for one in crowd.asked} == {1, 2}
