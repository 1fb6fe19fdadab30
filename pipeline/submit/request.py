"""What is sent to a cluster, in a form that can be shown without sending it."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One HTTP request; headers are left out, for they hold the credentials.

    Attributes:
        method: "GET" or "POST".
        url: With host, path and query.
        body: As JSON. None: it has none.
        when: "" or the condition under which it is sent.
    """

    method: str
    url: str
    body: dict[str, Any] | None = None
    when: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """Everything that one `slipway submit` sends, in order.

    Attributes:
        target: "kubeflow" or "vertex".
        credentials: Where they come from, in words; never what they are.
        requests: In the order they are sent.
    """

    target: str
    credentials: str
    requests: tuple[Request, ...]

    def as_json(self) -> str:
        """Returns it as indented JSON; the last request is the one that starts work."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What the cluster made of it.

    Attributes:
        kind: "run", "recurring run" or "schedule".
        id: The cluster's name for it.
        link: Page to look at it.
    """

    kind: str
    id: str
    link: str
