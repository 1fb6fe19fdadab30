"""The folder of a model goes away under load, in several ways, and comes back."""

import asyncio
import shutil

import pytest

from tests.serving.load.crowd import Crowd
from tests.serving.load.model_states import states, until, until_state

MODEL = "vanishing"
COMPLAINTS = {
    "removed": "No such file or directory",
    "a file in its place": "Not a directory",
    "a link to itself": "Too many levels of symbolic links",
    "an empty folder": "Did you forget to name your leaf directory as a number",
}


@pytest.fixture
def complaints(server, load_root):
    """A function that counts the log's complaints of this kind about the folder."""

    def count(text):
        lines = server.log_text().splitlines()
        return sum(str(load_root / MODEL) in line and text in line for line in lines)

    return count


def test_last_version_answers_while_the_disk_is_away(
    server, load_root, telling, complaints
):
    base, disk = load_root / MODEL, load_root / "disk"
    away = {
        "removed": lambda: None,
        "a file in its place": lambda: base.write_text("gone"),
        "a link to itself": lambda: base.symlink_to(base),
        "an empty folder": base.mkdir,
    }
    crowd = Crowd(
        rest_port=server.rest_port, grpc_target=server.grpc_target, model=MODEL
    )

    async def run():
        async with crowd.asking(rest=8, grpc=2):
            for way, put in away.items():
                base.rename(disk)
                put()
                await until(lambda: complaints(COMPLAINTS[way]), f"{way} is seen")  # noqa: B023 - awaited at once
                await crowd.until_each_asked(5)
                assert states(server, MODEL) == {1: ("AVAILABLE", "")}
                remove(base)
                disk.rename(base)
            shutil.copytree(telling / "2", disk)
            disk.rename(base / "2")
            await until_state(server, MODEL, 2, "AVAILABLE")
            await crowd.until_each_asked(5)

    asyncio.run(run())
    assert not crowd.problems, crowd.problems[:3]
    assert {one.version for one in crowd.asked} == {1, 2}
    assert server.log_text().count(f"Loading servable version {MODEL}/1") == 1


def remove(path):
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        path.rmdir()
