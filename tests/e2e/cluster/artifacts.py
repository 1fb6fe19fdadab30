"""The artifacts a cluster knows, and the two queries a TFX resolver asks of them.

Source:
    tfx/orchestration/kubeflow/v2/step_builder.py, which writes the queries.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

_TERM = re.compile(r'([\w.]+)\s*=\s*("[^"]*"|[\w.]+)')
_PLACEHOLDER = re.compile(
    r"\{\{\$\.inputs\.artifacts\['(\w+)'\]\.metadata\['(\w+)'\]\}\}"
)


@dataclass
class KnownArtifact:
    """One artifact: its resource name, type, place and metadata (JSON values)."""

    name: str
    title: str
    schema: dict[str, str]
    uri: str
    metadata: dict[str, Any] = field(default_factory=dict)

    def as_runtime_artifact(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.schema,
            "uri": self.uri,
            "metadata": self.metadata,
        }


def title_of(schema: dict[str, str]) -> str:
    if "schemaTitle" in schema:
        return schema["schemaTitle"]
    return yaml.safe_load(schema["instanceSchema"])["title"]


def query(
    text: str, known: list[KnownArtifact], inputs: dict[str, list[KnownArtifact]]
) -> list[KnownArtifact]:
    """Answers an ArtifactQuerySpec: the newest artifact that meets all its terms."""
    for key, name in _PLACEHOLDER.findall(text):
        if not inputs[key]:
            return []
        value = inputs[key][0].metadata.get(name)
        text = _PLACEHOLDER.sub(str(value), text, count=1)
    terms = _TERM.findall(text)
    assert " AND ".join(terms and [f"{left}={right}" for left, right in terms]) == text
    found = [artifact for artifact in known if all(_meets(artifact, *t) for t in terms)]
    return found[-1:]


def _meets(artifact: KnownArtifact, left: str, right: str) -> bool:
    right = right.strip('"')
    if left == "state":
        return right == "LIVE"
    if left == "schema_title":
        return artifact.title == right
    if left == "name":
        return artifact.name == right
    prefix, key, kind = left.split(".")
    assert (prefix, kind) == ("metadata", "number_value")
    return artifact.metadata.get(key) == float(right)
