"""One server for the clients' tests, and each of the four clients for every test."""

import asyncio

import pytest

from serving.client.async_grpc_client import AsyncGrpcClient
from serving.client.async_rest_client import AsyncRestClient
from serving.client.grpc_client import GrpcClient
from serving.client.rest_client import RestClient

CLIENTS = {
    "rest": RestClient,
    "grpc": GrpcClient,
    "async-rest": AsyncRestClient,
    "async-grpc": AsyncGrpcClient,
}
BOTH_VERSIONS = (
    'model_version_policy { all {} } version_labels { key: "stable" value: 3 }'
)


@pytest.fixture(scope="module")
def served(tmp_path_factory, built_tiny_bundle):
    """half with classify and regress, odd with odd signatures, rides, a bundle."""
    from tests.serving.client.running_server import RunningServer
    from tests.serving.server.small_models import (
        write_half_plus_two,
        write_linear,
        write_odd_signatures,
    )

    folder = tmp_path_factory.mktemp("models")
    write_half_plus_two(folder / "half" / "1")
    write_odd_signatures(folder / "odd" / "1")
    write_linear(folder / "linear" / "3")
    write_linear(folder / "linear" / "4", offset=5.0)
    configs = [
        f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" '
        f"{more} }}"
        for name, path, more in (
            ("half", folder / "half", ""),
            ("odd", folder / "odd", ""),
            ("rides", built_tiny_bundle.parent, ""),
            ("linear", folder / "linear", BOTH_VERSIONS),
        )
    ]
    file = folder / "models.config"
    file.write_text(f"model_config_list {{ {' '.join(configs)} }}")
    flags = (
        f"--model_config_file={file}",
        "--allow_version_labels_for_unavailable_models",
    )
    with RunningServer(*flags) as server:
        yield server


@pytest.fixture(params=CLIENTS)
def connect(request):
    """A function that makes a client, whose calls block also where they are async."""
    closers = []

    def make(server, model, **options):
        address = server.rest if "rest" in request.param else server.grpc
        client = CLIENTS[request.param](address, model, **options)
        if not request.param.startswith("async"):
            closers.append(client.close)
            return client
        runner = asyncio.Runner()

        def close():
            runner.run(client.close())
            runner.close()

        closers.append(close)
        return _Blocking(client, runner)

    make.kind = request.param
    yield make
    for close in closers:
        close()


class _Blocking:
    """An async client in a loop of its own."""

    def __init__(self, client, runner):
        self._client = client
        self._runner = runner

    def __getattr__(self, name):
        def call(*arguments, **options):
            return self._runner.run(getattr(self._client, name)(*arguments, **options))

        return call
