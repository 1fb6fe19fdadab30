"""`slipway chaos` shows what caught each failure, and exits 5 if one was missed."""

import json

import pytest
import typer
from typer.testing import CliRunner

from pipeline.chaos_command import chaos, in_one_line
from pipeline.settings_loader import ConfigError
from serving.chaos import rehearse as rehearsal
from serving.chaos.failure_mode import FailureMode, Injection, NotApplicableError
from serving.chaos.identity_failures import empty_name
from serving.chaos.rehearse import Attempt, Rehearsal
from tests.serving.tiny_bundle import build_tiny_bundle

app = typer.Typer(rich_markup_mode=None)
app.command()(chaos)


def attempt(number, state, guard=""):
    return Attempt(
        number=number, name="n", how="h", expected_guard="g", state=state, guard=guard
    )


def rehearsed(*attempts):
    return Rehearsal(bundle="b", attempts=attempts)


def harmless(bundle):
    return f"{bundle.name} is as it was"


def impossible(bundle):
    raise NotApplicableError(f"{bundle.name} has no [vocabulary]")


def mode(number, inject):
    injections = (Injection(inject=inject, guard="identity"),)
    return FailureMode(
        number=number, name=f"try {number}", description="A try.", injections=injections
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return build_tiny_bundle(tmp_path_factory.mktemp("models") / "rides" / "1")


@pytest.fixture
def modes(monkeypatch):
    """A function that replaces the ten failure modes by these."""

    def replace(*injects):
        listed = [mode(place, inject) for place, inject in enumerate(injects, 1)]
        real = rehearsal.rehearse
        monkeypatch.setattr(
            rehearsal, "rehearse", lambda path, **options: real(path, listed, **options)
        )

    return replace


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_all_ten_are_caught(bundle):
    done = invoke(bundle)

    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[-1] == "caught 10/10"
    for name in ("refitted preprocessing", "swapped features", "no identity"):
        assert name in done.output
    assert "slipway-chaos" not in done.output, "the copy is nobody's concern"


def test_json_has_every_attempt(bundle, modes):
    modes(empty_name)
    done = invoke(bundle, "--json")

    assert done.exit_code == 0
    found = json.loads(done.output)
    assert found["is_all_caught"] is True
    assert (found["num_caught"], found["num_applicable"]) == (1, 1)
    assert found["attempts"] == [
        {
            "number": 1,
            "name": "try 1",
            "how": "the model's name is empty",
            "expected_guard": "identity",
            "state": "caught",
            "guard": "identity",
            "reason": "the contract's model.name is empty.",
        }
    ]


def test_missed_failure_exits_5(bundle, modes):
    modes(empty_name, harmless)
    done = invoke(bundle)
    assert done.exit_code == 5
    assert "not caught" in done.output
    assert done.output.splitlines()[-1] == "caught 1/2"


def test_what_cannot_be_injected_is_never_caught(bundle, modes):
    modes(empty_name, impossible)
    done = invoke(bundle)
    assert done.exit_code == 0
    assert "1 has no [vocabulary]" in done.output
    assert done.output.splitlines()[-1] == "caught 1/1, 1 not applicable"


def test_refused_bundle_is_not_broken_further(tmp_path):
    done = invoke(tmp_path)
    assert done.exit_code == 1
    assert done.exception.exit_code == 5
    assert "nobody can say what model this is" in str(done.exception)


def test_what_is_no_bundle_is_named():
    done = invoke("/nowhere")
    assert isinstance(done.exception, ConfigError)
    assert "BUNDLE is '/nowhere', which is no folder" in str(done.exception)


@pytest.mark.parametrize(
    ("attempts", "text"),
    [
        ((attempt(1, "caught", "g"), attempt(2, "caught", "g")), "caught 2/2"),
        ((attempt(1, "caught", "g"), attempt(1, "not caught")), "caught 0/1"),
        (
            (attempt(1, "caught", "g"), attempt(2, "not applicable")),
            "caught 1/1, 1 not applicable",
        ),
        (
            (attempt(1, "caught", "g"), attempt(1, "not applicable")),
            "caught 1/1",
        ),
        ((attempt(1, "not applicable"),), "caught 0/0, 1 not applicable"),
    ],
)
def test_counts_are_of_failures_not_of_attempts(attempts, text):
    assert in_one_line(rehearsed(*attempts)) == text
