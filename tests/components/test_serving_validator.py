"""The fresh process's end, whatever it is, becomes a report."""

import sys

import pytest

from components.serving_validator import fresh_process
from components.serving_validator.fresh_process import check_in_fresh_process


def fake_interpreter(tmp_path, script):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -9 $$", "died with exit code -9: no output"),
        ("echo 'no memory' >&2; exit 1", "died with exit code 1: no memory"),
        ("sleep 30", "took more than 1 s"),
    ],
    ids=["killed", "crashed", "hung"],
)
def test_process_that_dies_or_hangs_is_a_refusal(tmp_path, monkeypatch, script, reason):
    monkeypatch.setattr(sys, "executable", fake_interpreter(tmp_path, script))
    monkeypatch.setattr(fresh_process, "TIMEOUT_S", 1)

    report = check_in_fresh_process("model", "extras")

    assert report["is_servable"] is False
    assert reason in report["reason"]


def test_report_of_the_process_is_passed_on(tmp_path, monkeypatch):
    script = 'echo noise; echo \'{"is_servable": true, "reason": ""}\''
    monkeypatch.setattr(sys, "executable", fake_interpreter(tmp_path, script))
    assert check_in_fresh_process("model", "extras")["is_servable"] is True
