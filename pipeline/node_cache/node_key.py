"""A node's cache key, kept in parts: two keys can be told apart in words."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

KEY_VERSION = 1
_SHORT_DIGEST = 8
_MAX_SHOWN = 60
_DIGEST_LENGTH = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeKey:
    """Everything that decides what a node writes.

    Attributes:
        executor: Dotted path of the class that does the work.
        parameters: Dotted name to value as JSON text; JSON texts are taken apart.
        inputs: `input from node` to the digest of what it holds.
        sources: Source file, from its import root on, to the SHA-256 of its bytes.
        libraries: Library to version, and Python's.
    """

    executor: str
    parameters: Mapping[str, str]
    inputs: Mapping[str, str]
    sources: Mapping[str, str]
    libraries: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all parts."""
        text = json.dumps([KEY_VERSION, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One part that differs between two keys.

    Attributes:
        part: "input", "parameter", "source", "library" or "executor".
        name: Which one.
        old: Before; None where it was not there.
        new: After; None where it is not there any more.
    """

    part: str
    name: str
    old: str | None
    new: str | None

    @property
    def sentence(self) -> str:
        """The difference in words, without a full stop."""
        if self.part == "input":
            return f"its input {self.name} changed, content {self._from_to()}"
        what = f"{self.part} {self.name}" if self.part != "source" else self.name
        if self.old is None:
            return f"{what} is new: {_shown(self.new)}"
        if self.new is None:
            return f"{what} is gone; it was {_shown(self.old)}"
        content = ", content" if self.part == "source" else " from"
        return f"{what} changed{content} {self._from_to()}"

    def _from_to(self) -> str:
        old, new = _shown(self.old), _shown(self.new)
        if old == new:
            # They differ behind the cut.
            pairs = zip(str(self.old), str(self.new), strict=False)
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            start = max(common - _MAX_SHOWN // 3, 0)
            old, new = (
                f"…{_shown(str(value)[start:])}" for value in (self.old, self.new)
            )
        return f"{old} to {new}"


def differences(old: NodeKey, new: NodeKey) -> list[Difference]:
    """Returns what differs, causes of this machine's making first.

    A user's edit (source, parameter) is named before an input, which some other node
    explains, and before the versions of libraries.
    """
    found = [
        *_differing("source", old.sources, new.sources),
        *_differing("parameter", old.parameters, new.parameters),
        *_differing("input", old.inputs, new.inputs),
        *_differing("library", old.libraries, new.libraries),
    ]
    if old.executor != new.executor:
        difference = Difference(
            part="executor", name="class", old=old.executor, new=new.executor
        )
        found.insert(0, difference)
    return found


def _differing(
    part: str, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield Difference(part=part, name=name, old=before, new=after)


def _shown(value: str | None) -> str:
    text = str(value)
    bare = text.strip('"')
    if len(bare) == _DIGEST_LENGTH and all(sign in "0123456789abcdef" for sign in bare):
        return bare[:_SHORT_DIGEST]
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def flat_parameters(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Takes parameters apart, those that are JSON texts too, into dotted names.

    `{"thresholds": '[{"metric": "auc", "min": 0.65}]'}` becomes
    `{"thresholds[0].metric": '"auc"', "thresholds[0].min": "0.65"}`. An empty list or
    mapping stays one value; a key that is no plain name is put in quotes. TFX's own
    parameters with a leading "_" are left out.
    """
    flat: dict[str, str] = {}
    for name, value in parameters.items():
        if not name.startswith("_"):
            flat.update(_flattened(name, _parsed(value)))
    return flat


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _flattened(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            plain = key.replace("-", "_").isidentifier()
            part = f".{key}" if plain else f"[{json.dumps(key)}]"
            yield from _flattened(f"{name}{part}", item)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _flattened(f"{name}[{index}]", item)
    else:
        yield name, json.dumps(value, default=str)
