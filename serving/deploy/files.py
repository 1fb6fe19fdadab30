"""Files to be written, and how documents become text with the reasons on top."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedFile:
    """One file.

    Attributes:
        path: Relative to the output folder, "/" between its parts.
        text: UTF-8.
    """

    path: str
    text: str


class _PlainDumper(yaml.SafeDumper):
    """Writes a part that occurs twice twice, instead of a reference to it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - of PyYAML
        return True


def yaml_file(
    path: str, document: Mapping[str, Any], reasons: Mapping[str, str]
) -> GeneratedFile:
    """Writes one document, its fields in the order they have.

    Args:
        path: Of the file.
        document: Plain dicts, lists, texts and numbers.
        reasons: Field, as "spec.ports.0.port", to why it is so.

    Raises:
        KeyError: A reason is for a field that the document has not.
    """
    for field in reasons:
        field_of(document, field)
    # No raw Unicode: PyYAML would read U+0085 back as a space.
    text = yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, width=1000)
    return GeneratedFile(path=path, text=comments(reasons) + text)


def json_file(path: str, document: Mapping[str, Any]) -> GeneratedFile:
    """Writes one JSON document; JSON has no place for reasons."""
    return GeneratedFile(
        path=path, text=json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    )


def comments(reasons: Mapping[str, str]) -> str:
    """Returns a comment line a reason; nothing in it can end the line."""
    return "".join(f"# {field}: {one_line(why)}\n" for field, why in reasons.items())


def one_line(text: str) -> str:
    """Returns a text without line breaks and without what no comment may hold."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else "?" for char in joined)


def field_of(document: Any, field: str) -> Any:
    """Returns a field of a document.

    Args:
        document: Of dicts and lists.
        field: Names and places, dots between them.

    Raises:
        KeyError: The document has none.
    """
    found = document
    for part in field.split("."):
        try:
            found = found[int(part)] if isinstance(found, Sequence) else found[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise KeyError(field) from None
    return found
