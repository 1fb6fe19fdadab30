"""Makes the candidate's version the one its model folder serves.

Once, whatever crashes: the folder's ledger is asked first whether this rollout has
promoted already. If its entry is the last one, asking again completes what was cut
short; if others came after it, somebody has changed what is served since, and theirs
stands.
"""

from collections.abc import Callable
from pathlib import Path

from serving.bundle.verify import require_ok
from serving.rollout.errors import RolloutError
from serving.rollout.state import RolloutState
from serving.versions.ledger import Author, read_ledger
from serving.versions.promotion import promote

Verifier = Callable[[Path], object]


def take_over(state: RolloutState, who: str, *, verify: Verifier = require_ok) -> str:
    """Promotes the candidate's version.

    Args:
        state: Decided for promotion, with a model folder.
        who: For the ledger.
        verify: Raises if a bundle must not be served.

    Returns:
        What was done, a sentence.

    Raises:
        BundleRefusedError: The bundle fails a check; nothing was changed.
        VersionsError: There is no such version, or a folder cannot be moved.
        RolloutError: The state names no folder or no version.
    """
    version, decision = state.candidate.version, state.decision
    if state.plan.model_dir is None or version is None or decision is None:
        raise RolloutError(f"rollout {state.id} has no version to promote.")
    model_dir = Path(state.plan.model_dir)
    mark = f"rollout {state.id}: "
    ledger = read_ledger(model_dir)
    own = [entry for entry in ledger.entries if entry.reason.startswith(mark)]
    if own and own[-1] != ledger.last:
        later = ledger.entries[-1]
        return (
            f"Version {version} was promoted as line {own[-1].seq} of the ledger; "
            f"{later.who} changed what is served since, which stands."
        )
    author = Author(who=who, reason=f"{mark}{decision.reason}")
    promote(model_dir, version, author=author, verify=verify)
    return f"{model_dir} serves version {version}; the stable arm's server follows."
