"""Servers under test, a few for the whole session, and the models they serve.

    pytest tests/serving/conformance                          our own server
    pytest tests/serving/conformance --server-binary PATH     a tensorflow_model_server

Nothing here looks into a server: it is started with TF Serving's flags, told to end by
a signal, and otherwise known by its ports and by the folders it reads.
"""

import re
import shutil

import pytest

from serving.server_check.server_process import ServerProcess
from tests.serving.conformance.model_list import ModelList, config_text
from tests.serving.conformance.wire import Wire

_START_S = 120.0
_ANY_LABEL = "--allow_version_labels_for_unavailable_models=true"


def pytest_addoption(parser):
    parser.addoption(
        "--server-binary",
        metavar="PATH",
        help="tensorflow_model_server the conformance suite is pointed at",
    )


@pytest.fixture(scope="session")
def server_binary(request):
    """Path of the server under test; None: our own."""
    return request.config.getoption("--server-binary", default=None)


@pytest.fixture(scope="session")
def launch(server_binary, tmp_path_factory):
    """A function that starts a server; those that still run end with the session."""
    folder = tmp_path_factory.mktemp("servers")
    started = []

    def make(name, *flags):
        server = ServerProcess(flags, log=folder / f"{name}.log", binary=server_binary)
        started.append(server)
        return server

    yield make
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def serve(launch):
    """A function that starts a server and waits until its models serve."""
    wires = []

    def make(name, *flags, models):
        server = launch(name, *flags)
        for model in models:
            server.wait_until_available(model, _START_S)
        wires.append(Wire(server.rest_port, server.grpc_target))
        return server, wires[-1]

    yield make
    for wire in wires:
        wire.close()


@pytest.fixture(scope="session")
def templates(tmp_path_factory):
    """Folder of SavedModels to copy; half_1, half_2, half_3 add that much to x / 2."""
    from tests.serving.conformance import saved_models

    folder = tmp_path_factory.mktemp("templates")
    for offset in (1, 2, 3):
        saved_models.write_half_plus(folder / f"half_{offset}", float(offset))
    saved_models.write_half_plus(folder / "other_tags", tags=("gpu",))
    saved_models.write_echoes(folder / "echoes")
    saved_models.write_classes(folder / "classes")
    saved_models.write_vocabulary(folder / "vocabulary", ["sun", "rain", "snow"])
    saved_models.write_tensorflow_2(folder / "tensorflow_2", ["sun", "rain"])
    saved_models.write_batch_probe(folder / "batch_probe")
    saved_models.write_without_default(folder / "without_default")
    (folder / "empty").mkdir()
    shutil.copytree(folder / "half_2", folder / "garbage")
    (folder / "garbage" / "saved_model.pb").write_bytes(b"\xff no SavedModel")
    shutil.copytree(folder / "half_2", folder / "without_variables")
    shutil.rmtree(folder / "without_variables" / "variables")
    return folder


@pytest.fixture(scope="session")
def place(templates):
    """A function that puts a copy of a template somewhere, complete at once."""

    def copy(template, folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        half_done = folder.parent / f"copying.{folder.name}"
        shutil.copytree(templates / template, half_done)
        half_done.rename(folder)
        return folder

    return copy


@pytest.fixture(scope="session")
def served(serve, place, tmp_path_factory):
    """A server with default behaviour and many models, none of which changes."""
    root = tmp_path_factory.mktemp("served")
    models = {
        "half_plus_two": "half_2",
        "half_plus_three": "half_3",
        "echoes": "echoes",
        "classes": "classes",
        "vocabulary": "vocabulary",
        "tensorflow_2": "tensorflow_2",
        "without_default": "without_default",
        "a name/of two": "half_2",
    }
    configs = []
    for number, (model, template) in enumerate(models.items()):
        place(template, root / str(number) / "123")
        configs.append({"name": model, "base_path": str(root / str(number))})
    place("half_1", root / "labelled" / "1")
    place("half_3", root / "labelled" / "3")
    labels = {"stable": 1, "canary": 3, "a label": 3}
    labelled = {"name": "labelled", "base_path": str(root / "labelled")}
    configs.append(labelled | {"specific": [1, 3], "labels": labels})
    file = root / "models.txt"
    file.write_text(config_text(configs))
    names = ["half_plus_two", "echoes", "classes", "tensorflow_2", "labelled"]
    _, wire = serve("served", f"--model_config_file={file}", _ANY_LABEL, models=names)
    return wire


@pytest.fixture(scope="session")
def changing(serve, place, tmp_path_factory):
    """A server whose models are changed by reload RPCs and on disk; with metrics.

    A version that fails is tried twice more, half a second apart.
    """
    root = tmp_path_factory.mktemp("changing")
    place("half_2", root / "first" / "1")
    first = {"name": "first", "base_path": str(root / "first")}
    file, monitoring = root / "models.txt", root / "monitoring.txt"
    file.write_text(config_text([first]))
    monitoring.write_text("prometheus_config { enable: true path: '/metrics' }")
    _, wire = serve(
        "changing",
        f"--model_config_file={file}",
        f"--monitoring_config_file={monitoring}",
        "--file_system_poll_wait_seconds=1",
        "--max_num_load_retries=2",
        "--load_retry_interval_micros=500000",
        models=["first"],
    )
    return ModelList(wire, root, place, [first])


@pytest.fixture
def model(changing, request):
    """A name for a model of the changing server, which is taken away afterwards."""
    name = re.sub(r"\W+", "_", request.node.name.removeprefix("test_"))
    yield name
    changing.remove(name)
