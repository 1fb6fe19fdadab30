"""Files and flags: TF Serving's text formats, names, defaults and words."""

from pathlib import Path

import pytest

from serving.server.application import Application
from serving.server.batching_parameters import (
    TF_SERVING_BATCHING,
    read_batching_parameters,
)
from serving.server.config_poller import ConfigPoller
from serving.server.flags import parse_flags
from serving.server.model_config import read_model_config_file
from serving.server.monitoring_config import DEFAULT_PATH, read_metrics_path
from serving.server.ssl_config import read_server_credentials
from serving.server.status import Code, ServingError
from serving.server.version_policy import VersionPolicy

MODEL = 'name: "m" base_path: "/m" model_platform: "tensorflow"'


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "config.txt"
        path.write_text(text)
        return path

    return make


def refused(read, path, words):
    with pytest.raises(ServingError) as error:
        read(path)
    assert error.value.code is Code.INVALID_ARGUMENT
    assert words in error.value.message


def test_batching_parameters_of_tf_servings_guide(write):
    found = read_batching_parameters(
        write(
            "max_batch_size { value: 128 } batch_timeout_micros { value: 5000 }\n"
            "max_enqueued_batches { value: 1000000 } num_batch_threads { value: 8 }\n"
            'thread_pool_name { value: "x" } allowed_batch_sizes: 64\n'
            "allowed_batch_sizes: 128 pad_variable_length_inputs: true"
        )
    )
    assert found.max_batch_size == 128
    assert found.batch_timeout_s == 0.005
    assert found.num_batch_threads == 8
    assert found.allowed_batch_sizes == (64, 128)
    assert found.pad_variable_length_inputs
    assert not found.takes_larger_requests
    assert [found.rows_to_run(rows) for rows in (1, 64, 65)] == [64, 64, 128]


def test_empty_batching_parameters_are_tf_servings_defaults(write):
    assert read_batching_parameters(write("")) == TF_SERVING_BATCHING
    assert TF_SERVING_BATCHING.max_batch_size == 1000
    assert TF_SERVING_BATCHING.max_enqueued_batches == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_batch_sizes { value: 1 }", "Invalid protobuf file"),
        ("max_batch_size: 1", "Invalid protobuf file"),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1; was 0"),
        ("batch_timeout_micros { value: -1 }", "must be at least 0; was -1"),
        ("num_batch_threads { value: 0 }", "must be at least 1; was 0"),
        ("allowed_batch_sizes: 8", "last was 8; expected 1000"),
        ("allowed_batch_sizes: 1000 allowed_batch_sizes: 8", "increasing order"),
    ],
)
def test_batching_parameters_that_cannot_be_used(write, text, words):
    refused(read_batching_parameters, write(text), words)


def test_model_config_file(write):
    found = read_model_config_file(
        write(
            f"model_config_list {{ config {{ {MODEL} }} config {{"
            '  name: "n" base_path: "/n" model_type: TENSORFLOW'
            "  model_version_policy { specific { versions: 3 versions: 4 } }"
            '  version_labels { key: "stable" value: 3 }'
            "} }"
        )
    )
    first, second = found
    assert (first.name, first.base_path) == ("m", Path("/m"))
    assert first.policy == VersionPolicy(num_latest=1)
    assert second.policy == VersionPolicy(num_latest=None, specific=frozenset((3, 4)))
    assert second.labels == {"stable": 3}


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", VersionPolicy(num_latest=1)),
        ("latest {}", VersionPolicy(num_latest=1)),
        ("latest { num_versions: 2 }", VersionPolicy(num_latest=2)),
        ("all {}", VersionPolicy(num_latest=None)),
    ],
)
def test_version_policies(write, text, policy):
    policies = f"model_version_policy {{ {text} }}"
    path = write(f"model_config_list {{ config {{ {MODEL} {policies} }} }}")
    assert read_model_config_file(path)[0].policy == policy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ModelServerConfig holds nothing"),
        ("nonsense", "Invalid protobuf file"),
        (f"model_config_list {{ config {{ {MODEL} }} config {{ {MODEL} }} }}",
         "Illegal to list model m multiple times in config list"),
        ('model_config_list { config { name: "m" base_path: "/m" } }',
         "Illegal setting neither ModelServerConfig::model_type"),
        (f"model_config_list {{ config {{ {MODEL} model_type: TENSORFLOW }} }}",
         "Illegal setting both ModelServerConfig::model_type"),
        (('model_config_list { config { name: "m" base_path: "/m" '
         'model_platform: "caffe" } }'), "Model m requests unsupported platform caffe"),
        (('model_config_list { config { base_path: "/m" model_platform: "tensorflow" '
         "} }"), "has no name"),
        ('model_config_list { config { name: "m" model_platform: "tensorflow" } }',
         "Model m has no base_path"),
        ((f"model_config_list {{ config {{ {MODEL} model_version_policy "
         "{ specific {} } } }"), "names no versions"),
    ],
)  # fmt: skip
def test_model_configs_that_cannot_be_used(write, text, words):
    refused(read_model_config_file, write(text), words)


def test_metrics_are_shown_only_where_the_config_says_so(write):
    assert read_metrics_path(None) is None
    assert read_metrics_path(write("prometheus_config { }")) is None
    enabled = write("prometheus_config { enable: true }")
    assert (
        read_metrics_path(enabled) == DEFAULT_PATH == "/monitoring/prometheus/metrics"
    )
    other = write('prometheus_config { enable: true path: "/metrics" }')
    assert read_metrics_path(other) == "/metrics"
    refused(
        read_metrics_path,
        write('prometheus_config { enable: true path: "metrics" }'),
        "expected a path from '/'",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('server_cert: "x"', "has no server_key"),
        ('server_key: "x"', "has no server_cert"),
        ('server_key: "x" server_cert: "x" client_verify: true', "no custom_ca"),
        ("server_key: 3", "Invalid protobuf file"),
    ],
)
def test_ssl_configs_that_cannot_be_used(write, text, words):
    refused(read_server_credentials, write(text), words)


def test_flags_default_to_tf_servings():
    flags = parse_flags(["--model_base_path=/m"])
    assert (flags.port, flags.rest_api_port, flags.model_name) == (8500, 0, "default")
    assert flags.file_system_poll_wait_seconds == 1
    assert flags.max_num_load_retries == 5
    assert flags.load_retry_interval_micros == 60_000_000
    assert flags.rest_api_timeout_in_ms == 30000
    assert flags.enable_model_warmup
    assert flags.enable_batching is None
    assert (flags.bind_address, flags.verify_bundle) == ("127.0.0.1", True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rest_api_port=1", "--enable_batching", "--model_base_path=/a-b"],
        ["--rest-api-port", "1", "--enable-batching=true", "--model-base-path", "/a-b"],
        ["--rest_api_port=1", "--enable_batching", "True", "--model-base-path=/a-b"],
    ],
)
def test_both_spellings(arguments):
    flags = parse_flags(arguments)
    assert flags.rest_api_port == 1
    assert flags.enable_batching is True
    assert flags.model_base_path == "/a-b"


def test_switches_can_be_turned_off():
    flags = parse_flags(
        ["--model_base_path=/m", "--enable_batching=false", "--verify-bundle=0"]
    )
    assert flags.enable_batching is False
    assert not flags.verify_bundle


def test_flags_without_meaning_are_taken_with_a_warning_each(caplog):
    parse_flags(
        [
            "--model_base_path=/m",
            "--tensorflow_session_parallelism=4",
            "--rest_api_num_threads=8",
            "--xla_cpu_compilation_enabled",
        ]
    )
    assert len(caplog.records) == 3
    assert "--rest_api_num_threads is accepted and ignored" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--model_base_path or --model_config_file is required"),
        (["--no_such_flag"], "unrecognized arguments: --no_such_flag"),
        (["--model_base_path=/m", "--batching_parameters_file=x"],
         "--batching_parameters_file is set without --enable_batching"),
        (["--model_base_path=/m", "--port=8", "--rest_api_port=8"],
         "cannot be the same as --port"),
        (["--model_base_path=/m", "--port=0"], "nothing to listen at"),
        (["--model_base_path=/m", "--port=many"], "invalid int value"),
        (["--model_base_path=/m", "--verify_bundle=maybe"], "neither true nor false"),
        (["--model_base_path=/m", "--workers=0"], "--workers must be at least 1"),
        (["--model_base_path=/m", "--workers=2", "--grpc_socket_path=x"],
         "cannot share a --grpc_socket_path"),
    ],
)  # fmt: skip
def test_flags_that_cannot_be_used(arguments, words, capsys):
    with pytest.raises(SystemExit) as end:
        parse_flags(arguments)
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_file_that_cannot_be_read_is_found_before_anything_is_loaded(tmp_path):
    flags = parse_flags([f"--model_config_file={tmp_path / 'none'}"])
    with pytest.raises(ServingError, match="cannot be read"):
        Application(flags)


def test_config_file_is_followed(write, eventually):
    taken = []

    class Manager:
        def reload_models(self, models):
            taken.append([model.name for model in models])

    path = write(f"model_config_list {{ config {{ {MODEL} }} }}")
    poller = ConfigPoller(Manager(), path, 0.02)
    poller.start()
    path.write_text("torn")
    more = MODEL.replace('"m"', '"n"')
    path.write_text(f"model_config_list {{ config {{ {MODEL} }} config {{ {more} }} }}")
    eventually(lambda: taken == [["m", "n"]])
    poller.stop()
