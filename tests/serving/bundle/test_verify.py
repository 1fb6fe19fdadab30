"""verify: one answer, from Python and from the command line, and nothing written."""

import json
import os
import subprocess
import sys

import pytest

from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError
from serving.bundle.verify import (
    FILE_GUARDS,
    GUARDS,
    MODEL_GUARDS,
    in_words,
    main,
    require_ok,
    verify_bundle,
)
from serving.bundle.view import BundleView
from tests.serving.bundle.documents import KEPT

NAMES = [
    "identity",
    "files",
    "no_code",
    "library_versions",
    "schema",
    "feature_order",
    "graph",
    "signatures",
    "determinism",
    "golden_batch",
]


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_sound_bundle_is_ok(built_tiny_bundle):
    found = verify_bundle(built_tiny_bundle)

    assert found.is_ok
    assert (found.guard, found.reason, found.warnings) == ("", "", ())
    assert (found.model_name, found.version) == ("rides", 1)
    assert list(found.checked) == NAMES == [guard.__name__ for guard in GUARDS]
    assert found.not_checked == ()
    assert require_ok(built_tiny_bundle).bundle_digest == found.bundle_digest


def test_checks_stop_at_the_first_that_fails(tiny_bundle):
    (tiny_bundle / "more").touch()
    (tiny_bundle / layout.SCHEMA).write_text("")
    found = verify_bundle(tiny_bundle)

    assert (found.is_ok, found.guard) == (False, "files")
    assert found.checked == ("identity",)
    assert found.model_name == "rides", "who it says it is can still be told"
    with pytest.raises(BundleRefusedError, match="'more' is not in the cont") as caught:
        require_ok(tiny_bundle)
    assert (caught.value.guard, caught.value.exit_code) == ("files", 5)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_folder_is_a_usage_error(tmp_path, capsys, name):
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        verify_bundle(tmp_path / name)
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / name)])
    assert ended.value.code == 2
    assert f"there is no folder {tmp_path / name}" in capsys.readouterr().err


def test_folder_of_another_number_is_refused(tiny_bundle):
    other = tiny_bundle.rename(tiny_bundle.with_name("2"))
    found = verify_bundle(other)
    assert found.guard == "identity"
    assert "the folder is called 2 and holds version 1" in found.reason
    assert verify_bundle(other.rename(other.with_name("newest"))).is_ok


def test_bundle_may_be_reached_by_a_link(tiny_bundle, tmp_path):
    (tmp_path / "7").symlink_to(tiny_bundle)
    assert verify_bundle(tmp_path / "7").is_ok


def test_another_tensorflow_is_let_pass_only_where_it_is_allowed(
    tiny_bundle, rewrite_contract, capsys
):
    def change(document):
        document["library_versions"]["tensorflow"] = "2.99.0"

    rewrite_contract(tiny_bundle, change)
    assert verify_bundle(tiny_bundle).guard == "library_versions"
    assert main([str(tiny_bundle), "--allow-other-tensorflow"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("warning: tensorflow is ")
    assert shown[1].startswith("OK rides version 1")


def snapshot(folder):
    return {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in [folder, *folder.rglob("*")]
    }


def test_verify_writes_nothing(tiny_bundle):
    for path in [tiny_bundle, *tiny_bundle.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = snapshot(tiny_bundle.parent)
    assert verify_bundle(tiny_bundle).is_ok
    assert snapshot(tiny_bundle.parent) == before
    for path in tiny_bundle.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def test_file_guards_import_no_tensorflow():
    code = (
        "import sys; from pathlib import Path\n"
        "from serving.bundle.verify import FILE_GUARDS, verify_bundle\n"
        "found = verify_bundle(Path(sys.argv[1]), guards=FILE_GUARDS,"
        " allow_other_tensorflow=True)\n"
        "assert found.is_ok, found\n"
        "print([name for name in sys.modules if name.startswith('tensorflow')"
        " and not name.startswith('tensorflow_metadata')])"
    )
    done = python("-c", code, str(KEPT))
    assert (done.stdout, done.stderr) == ("[]\n", "")


WITHOUT_TENSORFLOW = (
    "import sys; sys.modules['tensorflow'] = None\n"
    "from serving.bundle.verify import main; sys.exit(main(sys.argv[1:]))"
)


def test_without_tensorflow_the_answer_says_what_was_not_checked():
    allowed = "--allow-other-tensorflow"
    done = python("-c", WITHOUT_TENSORFLOW, "--json", allowed, str(KEPT))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["checked"] == [guard.__name__ for guard in FILE_GUARDS]
    assert found["not_checked"] == [guard.__name__ for guard in MODEL_GUARDS]


def test_without_tensorflow_a_changed_file_is_refused(tiny_bundle):
    (tiny_bundle / "assets" / "carriers").write_text("UA\nB6\nDL\nEV\n")
    done = python("-c", WITHOUT_TENSORFLOW, str(tiny_bundle))
    assert done.returncode == 5
    refused, not_checked = done.stdout.splitlines()
    assert refused.startswith("REFUSED by files: 'assets/carriers' was changed")
    assert not_checked == (
        "not checked, for TensorFlow is not installed: graph, signatures, "
        "determinism, golden_batch. Install 'slipway[server]' to check them."
    )


def test_command_line_says_ok(built_tiny_bundle):
    done = python("-m", "serving.bundle.verify", str(built_tiny_bundle))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OK rides version 1, bundle ")
    assert done.stdout.endswith(" s\n")
    assert done.stdout.count("\n") == 1


def test_command_line_says_why_not(tiny_bundle, capsys):
    (tiny_bundle / layout.CONTRACT).unlink()
    assert main([str(tiny_bundle)]) == 5
    assert capsys.readouterr().out == (
        f"REFUSED by identity: {tiny_bundle} has no {layout.CONTRACT}: nobody can say "
        "what model this is. Push it with slipway run.\n"
    )


def test_json_has_every_field(tiny_bundle, capsys):
    assert main([str(tiny_bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checked"] == NAMES
    (tiny_bundle / layout.CONTRACT).unlink()
    assert main([str(tiny_bundle), "--json"]) == 5
    found = json.loads(capsys.readouterr().out)
    assert (found["is_ok"], found["guard"]) == (False, "identity")
    assert found["model_name"] is found["version"] is found["bundle_digest"] is None


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--nonsense", "a"]])
def test_wrong_usage_exits_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: serving.bundle.verify" in capsys.readouterr().err


def test_folder_whose_name_is_no_unicode_can_be_shown(tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)  # noqa: PTH102 - no Path is bytes
    done = python("-m", "serving.bundle.verify", folder)
    assert done.returncode == 5, done.stderr
    assert "\\udcff has no" in done.stdout


def test_check_that_cannot_be_finished_has_not_passed(built_tiny_bundle):
    def careless(bundle: BundleView) -> None:
        raise KeyError(bundle.contract.key)

    found = verify_bundle(built_tiny_bundle, guards=[careless])
    assert (found.is_ok, found.guard) == (False, "careless")
    assert found.reason == "the check could not be finished: KeyError: 'ride_id'."
    assert in_words(found).startswith("REFUSED by careless: ")
