"""Which requests a share of all means: always the same ones.

A request is in the share where a hash of its id, as a number from 0 to 1, lies below
it: so every log samples the same requests, and a larger share holds a smaller one.
"""

import dataclasses
import hashlib

from serving.prediction_log.logged_request import LoggedBatch

_SALT = b"logged:"
_HASH_BYTES = 8


def is_in_share(request_id: str, share: float) -> bool:
    """Tells whether a request belongs to a share, 0 to 1."""
    if share >= 1:
        return True
    digest = hashlib.sha256(_SALT + request_id.encode(errors="replace")).digest()
    place = int.from_bytes(digest[:_HASH_BYTES], "big")
    return place < share * float(1 << 8 * _HASH_BYTES)


def sample_of(batch: LoggedBatch, share: float) -> LoggedBatch:
    """Returns a batch with those of its requests that are logged; perhaps none."""
    if share >= 1:
        return batch
    kept = [
        place
        for place, request_id in enumerate(batch.request_ids)
        if is_in_share(request_id, share)
    ]
    return dataclasses.replace(
        batch,
        request_ids=[batch.request_ids[place] for place in kept],
        latencies_s=[batch.latencies_s[place] for place in kept],
        first_rows=[batch.first_rows[place] for place in kept],
        sizes=[batch.sizes[place] for place in kept],
        facts=[batch.facts[place] for place in kept] if batch.facts else (),
    )
