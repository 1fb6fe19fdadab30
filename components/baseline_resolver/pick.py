"""Which model is the baseline: the rule alone, for those who have no TFX."""

from collections.abc import Iterable


def pick_model(
    candidate_ids: Iterable[int], model_ids: Iterable[int], blessed_ids: Iterable[int]
) -> int | None:
    """Returns the newest blessed model that came before every candidate.

    Args:
        candidate_ids: Models to be judged, by their ids in ML Metadata, which grow.
        model_ids: All models.
        blessed_ids: Those that a blessing names.

    Returns:
        Its id; None where there is none.
    """
    oldest = min(candidate_ids, default=None)
    eligible = set(model_ids) & set(blessed_ids)
    return max(
        (found for found in eligible if oldest is None or found < oldest), default=None
    )
