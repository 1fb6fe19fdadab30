"""The code blocks of a page in docs/, each with the output that the page shows for it.

A ```sh or ```python block is followed by a ```text block with its output, or has none.
In it … is anything within a line.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^```(sh|python)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
_FENCE = re.compile(r"^```", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One of them.

    Attributes:
        line: Of the page, where it begins.
        language: "sh" or "python".
        code: Without the fences.
        output: As shown; "" for none.
    """

    line: int
    language: str
    code: str
    output: str


def read_blocks(page: Path) -> list[Block]:
    """Returns the blocks in order; every fence of the page belongs to one."""
    text = page.read_text(encoding="utf-8")
    blocks, fences = [], 0
    for match in _BLOCK.finditer(text):
        language, code, output = match.groups()
        fences += 2 if output is None else 4
        line = text[: match.start()].count("\n") + 1
        blocks.append(Block(line, language, code, output or ""))
    assert fences == len(_FENCE.findall(text)), f"{page.name} has blocks of other kinds"
    return blocks


def is_as_shown(shown: str, printed: str) -> bool:
    """Whether an output is the page's; ends of line at the very end do not count."""
    pattern = re.escape(shown.rstrip("\n")).replace("…", "[^\n]*")
    return re.fullmatch(pattern, printed.rstrip("\n")) is not None
