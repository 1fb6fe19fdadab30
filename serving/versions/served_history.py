"""What was served before, as the ledger tells it: where a rollback leads.

The history works as undo does. A push or a promotion puts a version on top; a rollback
takes versions off until its target is on top, so what was rolled back from, or past,
is never rolled back to. A candidate that was pushed as held was not served, which the
next entry, or the folder, says: as of a change that was cut short.
"""

from collections.abc import Sequence

from serving.versions.ledger import LedgerEntry


def served_before(entries: Sequence[LedgerEntry], served: int | None) -> list[int]:
    """Returns the versions served before the present one, the latest first.

    Args:
        entries: The ledger.
        served: The version the folder serves now.

    Returns:
        Versions without repetition; they need not be on disk any more.
    """
    settled: list[int] = []
    trail: list[int] = []
    for entry in entries:
        trail = _as_found(settled, trail, entry.from_version)
        settled, trail = trail, _after(trail, entry)
    trail = _as_found(settled, trail, served)
    earlier = [version for version in reversed(trail) if version != served]
    return list(dict.fromkeys(earlier))


def _after(trail: Sequence[int], entry: LedgerEntry) -> list[int]:
    target = entry.to_version
    if trail and trail[-1] == target:
        return list(trail)
    if entry.action != "rollback":
        return [*trail, target]
    below = list(trail[:-1])
    while below and below[-1] != target:
        below.pop()
    return below or [target]


def _as_found(settled: list[int], trail: list[int], found: int | None) -> list[int]:
    """Corrects the trail by what the folder served when somebody looked next.

    Args:
        settled: The trail before the latest entry: that change may have been cut
            short.
        trail: The trail after it.
        found: What was really served.
    """
    if found is None:
        return trail if settled else []
    for candidate in (trail, settled):
        if candidate and candidate[-1] == found:
            return candidate
    # Somebody moved folders by hand, or pushed before there was a ledger.
    return [*settled, found]
