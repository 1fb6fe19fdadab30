"""What people see of versions, and what promote and rollback say."""

import functools
import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipeline.model_folder import find_model_dir
from pipeline.settings_loader import ConfigError
from pipeline.version_commands import promote, rollback, versions
from serving.bundle.errors import BundleRefusedError
from serving.versions import promotion
from serving.versions.change_lock import changing
from serving.versions.errors import VersionsError
from serving.versions.ledger import (
    LEDGER,
    Author,
    ServedChange,
    append_entry,
    read_ledger,
)
from serving.versions.model_folder import list_versions, next_version
from tests.serving.versions.paper_bundle import write_paper_bundle

app = typer.Typer(rich_markup_mode=None)
for command in (promote, rollback, versions):
    app.command()(command)


@pytest.fixture
def model_dir(tmp_path):
    """Versions 1 to 3 of model rides, pushed by ada."""
    folder = tmp_path / "models" / "rides"
    for _ in range(3):
        version = next_version(folder)
        staged = folder / f".pushing-{version}"
        write_paper_bundle(staged, version)
        author = Author(who="ada@host", reason=f"run {version}")
        promotion.record_push(folder, staged, version, author=author)
    return folder


@pytest.fixture
def accepts(monkeypatch):
    """Lets the paper bundles pass, which hold no model."""
    for name in ("promote", "rollback"):
        passing = functools.partial(getattr(promotion, name), verify=lambda _: None)
        monkeypatch.setattr(promotion, name, passing)


def invoke(model_dir, *arguments):
    place = ["--model-base-path", str(model_dir.parent), "--model", model_dir.name]
    return CliRunner().invoke(app, [*arguments, *place])


def told(model_dir, *arguments):
    result = invoke(model_dir, "versions", *arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.mark.usefixtures("accepts")
def test_rollback_and_promote_say_what_they_did(model_dir):
    back = invoke(model_dir, "rollback", "--reason", "late", "--by", "eve").output
    assert back == (
        f"{model_dir} serves version 2 instead of 3. Kept back in held/: 3.\n"
    )
    last = read_ledger(model_dir).last
    assert (last.who, last.reason, last.action) == ("eve", "late", "rollback")

    again = invoke(model_dir, "promote", "3", "-m", "mended").output
    assert again == f"{model_dir} serves version 3 instead of 2.\n"
    assert "@" in read_ledger(model_dir).last.who
    assert (
        invoke(model_dir, "promote", "3").output
        == f"{model_dir} serves version 3 already.\n"
    )


@pytest.mark.usefixtures("accepts")
def test_rollback_goes_where_to_says(model_dir):
    output = invoke(model_dir, "rollback", "--to", "1", "-m", "late").output
    assert output.endswith("Kept back in held/: 2 and 3.\n")
    assert list_versions(model_dir) == [1]


def test_rollback_needs_a_reason(model_dir):
    result = invoke(model_dir, "rollback")
    assert result.exit_code == 2
    assert "--reason" in result.output


@pytest.mark.parametrize(
    "arguments", [("promote", "2"), ("rollback", "--to", "2", "-m", "late")]
)
def test_bundle_that_fails_its_checks_is_refused(model_dir, arguments):
    (model_dir / "2" / "saved_model.pb").write_bytes(b"graph 3")
    result = invoke(model_dir, *arguments)
    assert isinstance(result.exception, BundleRefusedError)
    assert result.exception.exit_code == 5
    assert list_versions(model_dir) == [1, 2, 3]
    assert len(read_ledger(model_dir).entries) == 3


@pytest.mark.usefixtures("accepts")
def test_versions_tell_place_origin_and_last_change(model_dir):
    invoke(model_dir, "rollback", "-m", "late flights", "--by", "eve@home")
    table = told(model_dir)
    assert "2 served 2026-01-03 03:04 20260102-030405-0002 auc 0.7100 1,000" in table
    assert "3 held" in table
    assert "late flights" in table

    as_json = json.loads(invoke(model_dir, "versions", "--json").output)
    assert as_json["served"] == 2
    places = {row["version"]: row["place"] for row in as_json["versions"]}
    assert places == {1: "visible", 2: "served", 3: "held"}
    last = as_json["versions"][2]["last_entry"]
    assert (last["action"], last["from"], last["to"]) == ("rollback", 3, 2)
    assert (last["who"], last["reason"]) == ("eve@home", "late flights")
    assert as_json["versions"][2]["metric"]["name"] == "auc"
    assert len(as_json["versions"][2]["bundle_digest"]) == 64
    assert as_json["notes"] == []


@pytest.mark.usefixtures("accepts")
def test_ledger_is_told_from_its_beginning(model_dir):
    invoke(model_dir, "rollback", "-m", "late flights")
    table = told(model_dir, "--ledger")
    assert table.index("push - 1") < table.index("push 2 3") < table.index("late fl")
    entries = json.loads(invoke(model_dir, "versions", "--ledger", "--json").output)
    assert [entry["to"] for entry in entries["entries"]] == [1, 2, 3, 2]


def test_edited_line_is_told_with_its_number(model_dir):
    path = model_dir / LEDGER
    path.write_bytes(path.read_bytes().replace(b"run 2", b"run 7"))
    for arguments in ((), ("--ledger",)):
        told_now = told(model_dir, *arguments)
        assert "! line 2 of ledger.jsonl: it was changed after it was" in told_now


def test_torn_line_is_told(model_dir):
    with (model_dir / LEDGER).open("ab") as file:
        file.write(b'{"format_ver')
    assert "the last line of ledger.jsonl was cut off" in told(model_dir)


@pytest.mark.parametrize(
    ("target", "remedy"),
    [(1, "Finish it with slipway promote 1, or keep 3"), (9, "Version 9 is not there")],
)
def test_change_that_was_cut_short_is_told_unless_it_goes_on(model_dir, target, remedy):
    change = ServedChange(
        action="rollback", from_version=3, to_version=target, bundle_digest=""
    )
    append_entry(model_dir, change, Author(who="ada"))
    assert (
        f"line 4 of ledger.jsonl has version {target} served, the folder serves 3: "
        "the rollback was cut short, or somebody moved folders. " + remedy
    ) in told(model_dir)
    with changing(model_dir):
        assert f"a rollback of version {target} is going on" in told(model_dir)


def test_version_without_a_contract_or_with_another_is_told(model_dir):
    (model_dir / "1" / "assets.extra" / "contract.json").unlink()
    contract = model_dir / "2" / "assets.extra" / "contract.json"
    write_paper_bundle(model_dir / "other", 2, spans=(1, 2))
    (model_dir / "other" / "assets.extra" / "contract.json").replace(contract)
    table = told(model_dir)
    assert "version 1 cannot say what it is:" in table
    assert "was pushed as" in table
    assert "version 2 is bundle" in table


def test_model_without_a_version_is_refused(tmp_path):
    result = invoke(tmp_path / "absent", "versions")
    assert isinstance(result.exception, VersionsError)
    assert "holds no version yet" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_pipeline_is_found_by_its_name(tmp_path):
    found = find_model_dir("flights", None, None)
    assert found.parts[-3:] == ("flights", "models", "flights")
    assert find_model_dir("flights", str(tmp_path), None) == tmp_path / "flights"
    assert find_model_dir("flights", None, "rides").name == "rides"
    assert find_model_dir("no pipeline", str(tmp_path), "a") == tmp_path / "a"


@pytest.mark.parametrize("model", ["", ".", "..", "a/b", "/etc"])
def test_model_name_that_leaves_its_folder_is_refused(tmp_path, model):
    with pytest.raises(ConfigError, match=r"--model is .* expected the name of a fold"):
        find_model_dir("flights", str(tmp_path), model)


@pytest.mark.parametrize("command", ["promote", "rollback", "versions"])
def test_every_help_text_has_an_example(command):
    assert "Example:" in CliRunner().invoke(app, [command, "--help"]).output


def test_versions_import_neither_tensorflow_nor_numpy(model_dir):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pipeline import version_commands\n"
        f"version_commands.versions('x', {str(model_dir.parent)!r}, 'rides', "
        "False, False)\n"
        "heavy = {'tensorflow', 'tfx', 'numpy', 'pyarrow', 'apache_beam'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
