"""The kept bundle of this format version, and contracts made of any document."""

import hashlib
import json
from pathlib import Path

from serving.bundle.contract import FORMAT_VERSION

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"
_DIGEST = "contract_digest"
KEPT = BUNDLES / f"v{FORMAT_VERSION}"


def signed(document, old=b"", new=b""):
    """Returns the bytes of contract.json for any document.

    Args:
        document: A JSON object; its contract_digest is replaced and put last.
        old, new: Replaced in the text once, before the digest is taken.
    """
    document = {name: document[name] for name in document if name != _DIGEST}
    document[_DIGEST] = "0" * 64
    text = json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
    text = text.replace(old, new, 1)
    digest = hashlib.sha256(text).hexdigest().encode()
    return text[: -len(b'"\n}\n') - 64] + digest + b'"\n}\n'
