"""Which arm a key belongs to: the same one at every request, router and restart.

A key's place is a number in [0, 1) that depends on the key and the rollout alone. The
candidate gets the keys below its share. So a share that grows takes keys from the
stable arm and never gives one back, and two rollouts in a row draw their keys anew.
"""

import hashlib
from urllib.parse import unquote

_PLACES = 1 << 64


def place_of(rollout_id: str, key: str) -> float:
    """Returns a key's place, in [0, 1), spread evenly over keys.

    Args:
        rollout_id: The rollout's.
        key: Any text.

    Source: the first 8 bytes of SHA-256(rollout id + key), big-endian, over 2^64.
    """
    digest = hashlib.sha256(f"{rollout_id}{key}".encode()).digest()
    # A float64 rounds the highest 2^10 places up to 1.
    return min(int.from_bytes(digest[:8]) / _PLACES, 1 - 2**-53)


def key_of(header: str, request_id: str) -> str:
    """Returns the key that decides over a request.

    Args:
        header: `x-slipway-key`: percent-encoded keys, one a row, a comma between two;
            "": the client sent none. A request goes to one arm as a whole: its first
            key decides.
        request_id: Decides where there is no key.
    """
    first = header.partition(",")[0].strip()
    return unquote(first) if first else request_id
