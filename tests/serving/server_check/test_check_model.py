"""A model is servable if a server of its own answers with it; each failure is told."""

import dataclasses

import pytest

from serving.server_check.check_model import CheckLimits, check_model
from serving.server_check.short_load import ENOUGH

pytestmark = pytest.mark.usefixtures("without_a_look")
LIMITS = CheckLimits(start_s=20, call_s=5, load_s=0.3)


@pytest.fixture
def check(candidate, temporary, children):
    """A function that checks the candidate and that nothing is left afterwards."""

    def run(binary, limits=LIMITS):
        before = set(children())
        report = check_model(candidate, binary, limits)
        assert list(temporary.iterdir()) == []
        assert set(children()) <= before
        return report

    return run


def test_sound_server_is_measured_and_named(check, stub, monkeypatch):
    # Nobody listens at the discard port: whoever asked this proxy would fail.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    report = check(stub("sound"))

    assert report.reason == ""
    assert report.is_servable
    assert report.rows == 24
    assert report.server == "tensorflow_model_server 9.8.7-stub"
    serving = report.serving
    assert serving is not None
    assert serving.server == report.server
    assert serving.load_s > 0
    assert serving.warmup_s == 0  # it shows no metrics
    assert serving.memory_bytes > 10 << 20
    assert 0 < serving.latency_p50_ms <= serving.latency_p99_ms
    assert [batch.num_rows for batch in serving.batches] == [1, 8, 32, 128, 512]
    assert report.load is not None
    assert report.load.num_clients == 8
    assert report.load.num_rest > 0
    assert report.load.num_grpc > 0


def test_the_load_ends_when_each_client_has_enough_answers(check, stub):
    report = check(stub("sound"), dataclasses.replace(LIMITS, load_s=60))

    assert report.load is not None
    assert report.load.wall_s < 60
    # Half of 8 clients each way, ENOUGH answers a client.
    assert report.load.num_rest >= 4 * ENOUGH
    assert report.load.num_grpc >= 4 * ENOUGH


REASONS = {
    "wrong": "over gRPC serving_default, 'probability' is another than expected for 1 "
    "of 24 rows; for golden row 3 it is 0.",
    "wrong over REST": "over REST row format, 'probability' is another than expected "
    "for 1 of 24 rows; for golden row 4 it is 0.",
    "nan": "1 of 24 rows; for golden row 5 it is nan, expected 0.",
    "one bit over REST": "gRPC serving_default and REST row format differ in "
    "'probability' for golden row 2: 0.",
    "wrong for one row alone": "over gRPC with 1 rows a request, 'probability' is "
    "another than expected for 1 of 1 rows; for golden row 0 it is 0.069",
    "wrong under load over REST": "right answers: over REST, 'probability' is",
    "wrong under load over gRPC": "right answers: over gRPC, 'probability' is",
    "busy once": "over REST row format, the golden rows get no answer: UNAVAILABLE: ",
    "no label": "over gRPC serving_default, the answer has no output 'label'; it has "
    "probability.",
    "dies": "The server ended with code 1. Its log ends with: E: the disk is full",
    "refuses": "The server refuses the model: the graph has no variable dense/kernel",
    "no version": "--version ended with code 9; a tensorflow_model_server prints its",
}


@pytest.mark.parametrize("mode", REASONS)
def test_what_goes_wrong_is_said(check, stub, mode):
    report = check(stub(mode))

    assert not report.is_servable
    assert REASONS[mode] in report.reason
    assert report.serving is None


def test_server_killed_under_load_is_said(check, stub):
    report = check(stub("killed under load"), dataclasses.replace(LIMITS, load_s=20))

    assert not report.is_servable
    assert report.reason.startswith("the server was ended by SIGKILL: ")


def test_server_that_hangs_at_load_is_killed(check, stub):
    report = check(stub("hangs"), dataclasses.replace(LIMITS, start_s=2))

    assert not report.is_servable
    assert report.reason == "candidate was not served in 2 s. Its log ends with: deaf"


def test_server_that_is_too_slow_is_refused(check, stub):
    report = check(stub("slow"), dataclasses.replace(LIMITS, call_s=0.5))

    assert not report.is_servable
    assert "over gRPC serving_default, the golden rows get no answer: " in report.reason
    assert "gave no answer within 0.5 s" in report.reason


def test_binary_that_is_not_there_is_refused(check, tmp_path):
    report = check(str(tmp_path / "nothing"))

    assert not report.is_servable
    assert report.reason.endswith("nothing cannot be started: there is no such file.")


def test_binary_that_is_not_executable_is_refused(check, tmp_path):
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    report = check(str(tmp_path / "plain"))

    assert not report.is_servable
    assert "it is not executable; run chmod +x on it." in report.reason


def test_binary_that_is_no_program_is_refused(check, tmp_path):
    (tmp_path / "text").write_text("no program\n")
    (tmp_path / "text").chmod(0o755)
    report = check(str(tmp_path / "text"))

    assert not report.is_servable
    assert report.reason.endswith("text cannot be started: Exec format error.")
