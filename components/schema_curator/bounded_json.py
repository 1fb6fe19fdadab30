"""Writes a list of facts as JSON that fits into an artifact's property.

Metadata stores cut or refuse long strings (MySQL's TEXT ends at 65,535 bytes), and a
cut JSON text cannot be read at all.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

MAX_PROPERTY_CHARS = 16_000


def bounded_json(facts: Sequence[Any], max_chars: int = MAX_PROPERTY_CHARS) -> str:
    """Returns the facts as a JSON list, cut between facts where it grows too long.

    Args:
        facts: Dataclass instances with a field `sentence`.
        max_chars: Length of the text, note included, from which on facts are left
            out; ASCII only, so characters are bytes.

    Returns:
        JSON list of objects. Where facts were left out, the last object is
        `{"kind": "more", "sentence": "… and 37 more"}`. "[]" for no facts.
    """
    rows = [json.dumps(dataclasses.asdict(fact)) for fact in facts]
    text = _as_list(rows)
    shown = len(rows)
    while len(text) > max_chars and shown:
        shown -= 1
        note = {"kind": "more", "sentence": f"… and {len(rows) - shown} more"}
        text = _as_list([*rows[:shown], json.dumps(note)])
    return text


def _as_list(rows: Sequence[str]) -> str:
    return f"[{', '.join(rows)}]"
