"""One server process for most of these tests; every test has a model of its own."""

import shutil

import pytest

from serving.server_check.server_process import ServerProcess

MODELS = (
    "swapped", "truncated", "wrong_graph", "rides", "half_copied", "growing",
    "vanishing", "abused",
)  # fmt: skip
POLL_S = 0.2


@pytest.fixture(scope="session")
def telling(tmp_path_factory):
    """Folder of versions 1 to 4 of the telling model, and of another; to copy."""
    from tests.serving.load.load_models import write_other_graph, write_telling

    folder = tmp_path_factory.mktemp("telling")
    for version in (1, 2, 3, 4):
        write_telling(folder / str(version), version)
    write_other_graph(folder / "other")
    return folder


@pytest.fixture(scope="session")
def load_root(telling, built_tiny_bundle, tmp_path_factory):
    """Folder of the served models' base paths, each with version 1."""
    root = tmp_path_factory.mktemp("load")
    for model in MODELS:
        source = built_tiny_bundle if model == "rides" else telling / "1"
        shutil.copytree(source, root / model / "1")
    return root


@pytest.fixture(scope="session")
def server(load_root):
    """A server of MODELS that looks at its folders five times a second."""
    from tests.serving.conformance.model_list import config_text

    config = load_root / "models.txt"
    config.write_text(
        config_text({"name": m, "base_path": str(load_root / m)} for m in MODELS)
    )
    batching = load_root / "batching.txt"
    batching.write_text("max_batch_size { value: 32768 }")
    flags = (
        f"--model_config_file={config}",
        # Else models without a bundle's proof have every request by itself.
        "--enable_batching",
        f"--batching_parameters_file={batching}",
        f"--file_system_poll_wait_seconds={POLL_S}",
        "--max_num_load_retries=1",
        "--load_retry_interval_micros=200000",
    )
    with ServerProcess(flags, log=load_root / "server.log") as running:
        for model in MODELS:
            running.wait_until_available(model)
        yield running


@pytest.fixture(autouse=True)
def _server_is_well(request):
    """After each test the server still runs and has written no traceback."""
    if "server" not in request.fixturenames:
        yield
        return
    running = request.getfixturevalue("server")
    start = len(running.log_text())
    yield
    written = running.log_text()[start:]
    assert running.exit_code() is None, written
    assert "Traceback" not in written, written
