"""The ledger tells what was done, and whether somebody changed it since."""

import hashlib
import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.versions.errors import LedgerError
from serving.versions.ledger import (
    LEDGER,
    Author,
    LedgerEntry,
    ServedChange,
    append_entry,
    decode_line,
    encode_line,
    read_ledger,
)
from serving.versions.served_history import served_before

TORN = "ledger.torn"
ADA = Author(who="ada@host", reason="because")


def change(action, before, after):
    return ServedChange(
        action=action,
        from_version=before,
        to_version=after,
        bundle_digest=f"{after:02x}" * 32,
    )


@pytest.fixture
def model_dir(tmp_path):
    """Three entries: push 1, push 2, rollback to 1."""
    append_entry(tmp_path, change("push", None, 1), ADA)
    append_entry(tmp_path, change("push", 1, 2), ADA)
    append_entry(tmp_path, change("rollback", 2, 1), ADA)
    return tmp_path


def edit(model_dir, number, old, new):
    path = model_dir / LEDGER
    lines = path.read_bytes().split(b"\n")
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new)
    path.write_bytes(b"\n".join(lines))


def test_entry_comes_back_as_it_was_written(model_dir):
    found = read_ledger(model_dir)
    assert found.problems == ()
    assert found.torn == b""
    assert [entry.seq for entry in found.entries] == [1, 2, 3]
    assert [entry.action for entry in found.entries] == ["push", "push", "rollback"]
    assert [entry.from_version for entry in found.entries] == [None, 1, 2]
    assert [entry.to_version for entry in found.entries] == [1, 2, 1]
    assert found.last.who == "ada@host"
    assert found.last.reason == "because"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found.last.at)


def test_a_line_has_the_fields_that_others_may_read(model_dir):
    lines = (model_dir / LEDGER).read_bytes().splitlines()
    third = json.loads(lines[2])
    assert list(third) == [
        "format_version",
        "seq",
        "at",
        "action",
        "who",
        "reason",
        "from",
        "to",
        "bundle_digest",
        "previous_sha256",
        "sha256",
    ]
    assert third["previous_sha256"] == hashlib.sha256(lines[1]).hexdigest()
    assert json.loads(lines[0])["previous_sha256"] is None


def test_no_ledger_is_an_empty_one(tmp_path):
    assert read_ledger(tmp_path).entries == ()
    assert read_ledger(tmp_path / "absent").last is None


@pytest.mark.parametrize(
    ("number", "old", "new", "problem"),
    [
        (1, b'"to": 1', b'"to": 9', "line 1 of ledger.jsonl: it was changed after"),
        (3, b"because", b"becausf", "line 3 of ledger.jsonl: it was changed after"),
        (2, b"{", b"[", "line 2 of ledger.jsonl: it is no JSON"),
        (2, b'"sha256"', b'"sha255"', "line 2 of ledger.jsonl: it is no entry"),
    ],
)
def test_edited_line_is_named_and_the_others_still_read(
    model_dir, number, old, new, problem
):
    edit(model_dir, number, old, new)
    found = read_ledger(model_dir)
    assert found.problems[0].startswith(problem)
    assert number not in [entry.seq for entry in found.entries]
    assert len(found.entries) == 2


def test_edited_line_with_a_new_digest_of_its_own_is_seen_by_the_next(model_dir):
    path = model_dir / LEDGER
    lines = path.read_bytes().splitlines()
    forged = lines[0].replace(b"ada@host", b"eve@host")
    text = forged[: forged.rindex(b', "sha256"')]
    digest = hashlib.sha256(text + b"}").hexdigest().encode()
    lines[0] = text + b', "sha256": "' + digest + b'"}'
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = read_ledger(model_dir)
    assert found.entries[0].who == "eve@host"
    assert len(found.problems) == 1
    assert "line 2 of ledger.jsonl: it does not follow" in found.problems[0]


def test_removed_line_is_seen(model_dir):
    path = model_dir / LEDGER
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    assert "line 2 of ledger.jsonl: it does not" in read_ledger(model_dir).problems[0]


def test_ledger_goes_on_after_an_edited_line(model_dir):
    edit(model_dir, 3, b"because", b"becausf")
    entry = append_entry(model_dir, change("push", 1, 3), ADA)
    found = read_ledger(model_dir)
    assert entry.seq == 4
    assert found.last == entry
    assert len(found.problems) == 1


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_torn_last_line_is_set_aside_and_the_next_entry_follows(model_dir, kept):
    path = model_dir / LEDGER
    *whole, last = path.read_bytes().splitlines(keepends=True)
    torn = last[:kept]
    path.write_bytes(b"".join(whole) + torn)
    before = read_ledger(model_dir)
    assert (len(before.entries), before.torn, before.problems) == (2, torn, ())

    entry = append_entry(model_dir, change("push", 2, 3), ADA)

    after = read_ledger(model_dir)
    assert entry.seq == 3
    assert (after.torn, after.problems) == (b"", ())
    assert after.entries[-1] == entry
    assert (model_dir / TORN).read_bytes() == torn + b"\n"


def test_line_of_a_newer_format_is_refused(model_dir):
    edit(model_dir, 2, b'"format_version": 1', b'"format_version": 3')
    with pytest.raises(
        LedgerError, match=r"format_version 3; .* up to 2\. Upgrade"
    ) as caught:
        read_ledger(model_dir)
    assert caught.value.exit_code == 2


def test_full_disk_is_an_error_and_leaves_a_torn_line(model_dir, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, text: write(handle, text[:20]))
    with pytest.raises(LedgerError, match=r"only 20 of \d+ bytes .* Nothing was moved"):
        append_entry(model_dir, change("push", 1, 3), ADA)
    monkeypatch.undo()
    assert len(read_ledger(model_dir).torn) == 20
    assert append_entry(model_dir, change("push", 1, 3), ADA).seq == 4


def test_reason_that_is_no_utf_8_is_still_an_entry(tmp_path):
    author = Author(who="ada", reason=b"sp\xe4t".decode("utf-8", "surrogateescape"))
    entry = append_entry(tmp_path, change("push", None, 1), author)
    assert entry.reason == "sp?t"
    assert read_ledger(tmp_path).last == entry


@given(
    who=st.text(max_size=20),
    reason=st.text(max_size=60),
    before=st.none() | st.integers(1, 2**62),
)
def test_any_text_survives(who, reason, before):
    if any(0xD800 <= ord(letter) < 0xE000 for letter in who + reason):
        return
    entry = LedgerEntry(
        seq=1,
        at="2026-01-01T00:00:00+00:00",
        action="push",
        who=who,
        reason=reason,
        from_version=before,
        to_version=3,
        bundle_digest="",
        previous_sha256=None,
    )
    line = encode_line(entry)
    assert b"\n" not in line
    assert decode_line(line) == entry


def entries(*changes):
    return [
        LedgerEntry(
            seq=seq,
            at="",
            action=action,
            who="",
            reason="",
            from_version=before,
            to_version=after,
            bundle_digest="",
            previous_sha256=None,
        )
        for seq, (action, before, after) in enumerate(changes, start=1)
    ]


PUSHES = (("push", None, 1), ("push", 1, 2), ("push", 2, 3))


@pytest.mark.parametrize(
    ("changes", "served", "expected"),
    [
        ((), None, []),
        ((), 3, []),
        (PUSHES, 3, [2, 1]),
        ((*PUSHES, ("rollback", 3, 2)), 2, [1]),
        ((*PUSHES, ("rollback", 3, 1)), 1, []),
        # Served again on purpose: good once more.
        ((*PUSHES, ("rollback", 3, 2), ("promote", 2, 3)), 3, [2, 1]),
        ((*PUSHES, ("promote", 3, 1)), 1, [3, 2]),
        # 4 was never served: the next entry found 3.
        ((*PUSHES, ("push", 3, 4), ("push", 3, 5)), 5, [3, 2, 1]),
        # The last change was cut short.
        ((*PUSHES, ("rollback", 3, 1)), 3, [2, 1]),
        ((*PUSHES, ("rollback", 3, 1), ("rollback", 3, 3)), 3, [2, 1]),
        # The ledger began when 3 was served already.
        ((("push", 3, 4),), 4, [3]),
        # Somebody moved folders by hand.
        (PUSHES, 1, [2]),
        (PUSHES, None, [3, 2, 1]),
        ((("push", None, 1),), None, []),
    ],
)
def test_history_works_as_undo_does(changes, served, expected):
    assert served_before(entries(*changes), served) == expected
