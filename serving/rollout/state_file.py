"""rollout.json: the one file that routers follow.

    {state}/rollout.json     where the rollout stands; replaced whole, never edited
    {state}/events.jsonl     how it came there; see event_log.py
    {state}/evidence.json    what was counted so far; see evidence_file.py
    {state}/counts/          what each router counted; see serving/router
    {state}/.lock            held by whoever changes the rollout

    {"format_version": 1, "serial": 7, "id": "flights-20261121T120000",
     "model": "flights", "kind": "canary",
     "arms": [{"name": "stable", "url": "http://127.0.0.1:8501", "grpc": null,
               "version": null, "share": 0.95}, {"name": "candidate", …}],
     "plan": {…}, "step": 0, "step_starts": ["2026-11-21T12:00:00+00:00"],
     "decision": null}

A reader sees the old file or the new one whole: it is written under another name,
synced, renamed. Readers of later versions must read every format_version before.
"""

import dataclasses
import json
import os
from pathlib import Path

from serving.bundle.strict_json import FormatError, decode, parse_json
from serving.chained_lines import sync_folder
from serving.rollout.errors import RolloutError
from serving.rollout.state import RolloutState

ROLLOUT = "rollout.json"
FORMAT_VERSION = 1


def read_state(state_dir: Path) -> RolloutState | None:
    """Returns where the rollout stands; None where none was started.

    Raises:
        RolloutError: The file cannot be read, is no rollout, or a newer slipway's.
    """
    path = state_dir / ROLLOUT
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RolloutError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return decode_state(text)
    except (FormatError, RolloutError) as error:
        raise RolloutError(
            f"{path}: {error} Only slipway writes this file: restore it, or stop the "
            "routers, move it away and start anew."
        ) from error


def write_state(state_dir: Path, state: RolloutState) -> None:
    """Replaces the file and syncs it.

    Raises:
        RolloutError: The disk does not take it; the file is as it was.
    """
    replace_file(state_dir / ROLLOUT, encode_state(state))


def encode_state(state: RolloutState) -> bytes:
    """Returns the file's text."""
    document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(state)}
    return (json.dumps(document, indent=1) + "\n").encode()


def decode_state(text: bytes) -> RolloutState:
    """Reads the file's text.

    Raises:
        FormatError: A field is missing, unknown or of another type.
        RolloutError: A value cannot be, or a newer slipway wrote it.
    """
    document = parse_json(text)
    version = document.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise RolloutError(
            f"format_version is {version!r}; this slipway reads {FORMAT_VERSION}."
        )
    return decode(RolloutState, document)


def replace_file(path: Path, text: bytes) -> None:
    """Replaces a file so that readers and crashes find the old text or the new.

    Args:
        path: In a folder that is there; one writer at a time.
        text: Whole.

    Raises:
        RolloutError: The disk does not take it; the file is as it was.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise RolloutError(f"{path} cannot be written: {error.strerror}.") from error
