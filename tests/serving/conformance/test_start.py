"""What a server does when it is started wrongly, and how it ends.

Facts from TF Serving's model_servers/main.cc and server.cc (BuildAndStart),
tensorflow_model_server_test.py (testBadModelConfig, testModelConfig*),
server_core_test.cc and batching_session.cc (the rules of allowed_batch_sizes).
"""

import time

import pytest

from tests.serving.conformance.wire import Wire

MODEL = 'name: "m" base_path: "{base}" '
TENSORFLOW = 'model_platform: "tensorflow" '
CONFIGS = {
    "no-text-format": "improperly formatted file",
    "name-twice": f"config {{ {MODEL}{TENSORFLOW}}} " * 2,
    "unknown-platform": f'config {{ {MODEL}model_platform: "caffe" }}',
    "type-and-platform": f"config {{ {MODEL}{TENSORFLOW}model_type: TENSORFLOW }}",
}
FILES = {
    "batching-file-is-none": (
        ["--enable_batching=true", "--batching_parameters_file={file}"],
        "nonsense",
    ),
    "batching-file-without-batching": (
        ["--batching_parameters_file={file}"],
        "max_batch_size { value: 4 }",
    ),
    "last-allowed-size-is-not-the-largest-batch": (
        ["--enable_batching=true", "--batching_parameters_file={file}"],
        "max_batch_size { value: 4 } allowed_batch_sizes: 2",
    ),
    "allowed-sizes-fall": (
        ["--enable_batching=true", "--batching_parameters_file={file}"],
        "max_batch_size { value: 4 } allowed_batch_sizes: 4 allowed_batch_sizes: 4",
    ),
    "monitoring-file-is-none": (["--monitoring_config_file={file}"], "nonsense"),
    "ssl-file-is-none": (["--ssl_config_file={file}"], "nonsense"),
}
EXIT_S = 60.0


@pytest.fixture
def exit_of(launch):
    """A function that starts a server and returns its exit code and what it wrote."""

    def start(name, *flags):
        server = launch(f"start-{name}", "--max_num_load_retries=0", *flags)
        end_s = time.monotonic() + EXIT_S
        while server.exit_code() is None and time.monotonic() < end_s:
            time.sleep(0.05)
        return server.exit_code(), server.log_text()

    return start


@pytest.fixture(scope="module")
def base(place, tmp_path_factory):
    base = tmp_path_factory.mktemp("start")
    place("half_2", base / "1")
    return base


@pytest.mark.parametrize("wrong", CONFIGS)
def test_config_file_that_cannot_be_used_ends_the_start(exit_of, base, tmp_path, wrong):
    """tensorflow_model_server_test.py: testBadModelConfig; server_core_test.cc."""
    text = CONFIGS[wrong].replace("{base}", str(base))
    whole = text if wrong == "no-text-format" else f"model_config_list {{ {text} }}"
    file = tmp_path / "models.txt"
    file.write_text(whole)
    code, log = exit_of(f"config-{wrong}", f"--model_config_file={file}")
    assert code not in (0, None), log
    if wrong == "no-text-format":
        assert f"Invalid protobuf file: '{file}'" in log


@pytest.mark.parametrize("wrong", FILES)
def test_other_files_that_cannot_be_used_end_the_start(exit_of, base, tmp_path, wrong):
    """server.cc: BuildAndStart; batching_session.cc: allowed_batch_sizes."""
    flags, text = FILES[wrong]
    file = tmp_path / "file.txt"
    file.write_text(text)
    given = [flag.replace("{file}", str(file)) for flag in flags]
    code, log = exit_of(f"file-{wrong}", f"--model_base_path={base}", *given)
    assert code not in (0, None), log


@pytest.mark.parametrize(
    "flags", [[], ["--no_such_flag=1", "--model_base_path={base}"]], ids=["none", "odd"]
)
def test_flags_that_cannot_be_used_end_the_start(exit_of, base, flags):
    """main.cc: usage; server.cc: neither model_base_path nor model_config_file."""
    given = [flag.replace("{base}", str(base)) for flag in flags]
    code, log = exit_of(f"flags-{len(flags)}", *given)
    assert code not in (0, None), log


def test_version_is_printed(exit_of):
    """main.cc: --version."""
    code, log = exit_of("version", "--version=true")
    assert code == 0
    assert "TensorFlow Library: 2." in log


LARGE_REQUESTS = """
max_batch_size { value: 8 }
max_execution_batch_size { value: 2 }
enable_large_batch_splitting { value: true }
"""


@pytest.fixture(scope="module")
def plain(launch, base, tmp_path_factory):
    """A server that nobody gave a model's name; it may split large requests."""
    file = tmp_path_factory.mktemp("plain") / "batching.txt"
    file.write_text(LARGE_REQUESTS)
    server = launch(
        "plain",
        f"--model_base_path={base}",
        "--enable_batching=true",
        f"--batching_parameters_file={file}",
    )
    server.wait_until_available("default")
    return server


def test_model_is_called_default(plain):
    """main.cc: --model_name is "default"."""
    wire = Wire(plain.rest_port, plain.grpc_target)
    answer = wire.post("/v1/models/default:predict", '{"instances": [1.0]}')
    wire.close()
    assert answer.json == {"predictions": [2.5]}


def test_large_requests_are_answered_whole_where_they_may_be_split(plain):
    """saved_model_bundle_factory_test.cc: Batching, large requests split."""
    wire = Wire(plain.rest_port, plain.grpc_target)
    body = '{"instances": [0, 2, 4, 6, 8, 10, 12]}'
    answer = wire.post("/v1/models/default:predict", body)
    wire.close()
    assert answer.json == {"predictions": [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]}


def test_sigterm_ends_the_server(plain):
    """main.cc: the process ends when it is told to."""
    assert plain.exit_code() is None
    started = time.monotonic()
    plain.stop(timeout_s=20.0)
    assert time.monotonic() - started < 20.0
    assert plain.exit_code() not in (None, -9)
