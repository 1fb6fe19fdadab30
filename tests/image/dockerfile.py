"""Reads a Dockerfile into its instructions, as far as ours needs it."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction: its stage ("" before the first FROM), its name, its text."""

    stage: str
    name: str
    text: str

    def words(self):
        """The words without options; of a JSON array, its items."""
        words = shlex.split(
            self.text.replace("[", " ").replace("]", " ").replace(",", " ")
        )
        return [word for word in words if not word.startswith("--")]

    def option(self, name):
        """The value of --name=value, or None."""
        for word in shlex.split(self.text):
            if word.startswith(f"--{name}="):
                return word.partition("=")[2]
        return None


def read_dockerfile(path: Path) -> list[Instruction]:
    """Continuation lines are joined; comments and blank lines are left out."""
    lines = [
        line
        for line in path.read_text().splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    instructions, stage = [], ""
    for line in joined:
        name, _, text = line.strip().partition(" ")
        if name == "FROM":
            stage = text.split(" AS ")[1]
        instructions.append(Instruction(stage, name, text.strip()))
    return instructions
