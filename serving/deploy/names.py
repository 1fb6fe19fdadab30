"""Names: of the model in a URL, of objects in a cluster."""

import hashlib
import re

from serving.deploy.errors import DeployError

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_DNS = re.compile(r"[^a-z0-9-]+")
_DIGEST_CHARS = 6
# 63 less the longest suffix put behind a name, "-models".
_MAX_CHARS = 56


def check_model_name(name: str) -> None:
    """Refuses a name that would need escaping in a URL or a path.

    TF Serving itself takes any name without "/" and ":".

    Raises:
        DeployError: It holds something else than letters, digits, ".", "_" and "-".
    """
    if not _MODEL.fullmatch(name):
        raise DeployError(
            f"the model is called {name!r}; a deployment needs a name of letters, "
            'digits, ".", "_" and "-" that begins with a letter or digit. Push it '
            "under another name."
        )


def dns_label(name: str) -> str:
    """Returns a DNS-1123 label for a model's name, at most 56 characters.

    A name that is one already stays as it is. Any other is made one and gets six
    digits of its own SHA-256, so that My_Model and my-model stay apart.

    Example:
        dns_label("flights") is "flights"; dns_label("My_Model") is "my-model-d427b6"
        (tests/serving/deploy/test_names.py).

    Source:
        RFC 1123; kubernetes.io, "Object Names and IDs".
    """
    plain = _NO_DNS.sub("-", name.lower()).strip("-")
    if plain == name and len(name) <= _MAX_CHARS and name[0].isalpha():
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_CHARS]
    # A Service's name must begin with a letter (RFC 1035).
    start = plain if plain[:1].isalpha() else f"m-{plain}"
    return f"{start[: _MAX_CHARS - _DIGEST_CHARS - 1].rstrip('-')}-{digest}"
