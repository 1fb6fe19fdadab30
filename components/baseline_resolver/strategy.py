"""Resolves the last blessed model that is not the candidate itself.

TFX's LatestBlessedModelStrategy has no candidate: on a rerun with nothing changed it
returns the model that the first run has just blessed, Evaluator gets a new input and
runs again. Leaving the candidate out makes the same rerun find the same baseline.
"""

from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.baseline_resolver.pick import pick_model

CANDIDATE_KEY = "candidate"
MODEL_KEY = "model"
BLESSING_KEY = "model_blessing"


class PreviousBlessedModelStrategy(ResolverStrategy):
    """Picks the newest blessed model older than the candidate."""

    def resolve_artifacts(
        self,
        store: object,  # noqa: ARG002 - part of TFX's interface
        input_dict: dict[str, list[types.Artifact]],
    ) -> dict[str, list[types.Artifact]]:
        """Returns at most one model and its blessing.

        Args:
            store: Not used; the channels already hold what is needed.
            input_dict: CANDIDATE_KEY: the model to be judged. MODEL_KEY and
                BLESSING_KEY: every Model and ModelBlessing of this pipeline.

        Returns:
            The same keys; model and blessing empty where there is no baseline.
        """
        candidates = input_dict[CANDIDATE_KEY]
        return {
            CANDIDATE_KEY: candidates,
            **pick_baseline(
                {artifact.id for artifact in candidates},
                _seen(input_dict.get(MODEL_KEY, [])),
                _seen(input_dict.get(BLESSING_KEY, [])),
            ),
        }


def _seen(artifacts: list[types.Artifact]) -> list[types.Artifact]:
    """Leaves out what lies on the disk of another machine with the same metadata."""
    return [artifact for artifact in artifacts if fileio.exists(artifact.uri)]


def pick_baseline(
    candidate_ids: set[int], models: list[Model], blessings: list[ModelBlessing]
) -> dict[str, list[types.Artifact]]:
    """Returns the newest blessed model that came before every candidate."""
    blessed = {
        blessing.get_int_custom_property("current_model_id"): blessing
        for blessing in blessings
        if blessing.get_int_custom_property("blessed") == 1
    }
    picked = pick_model(candidate_ids, (model.id for model in models), blessed)
    if picked is None:
        return {MODEL_KEY: [], BLESSING_KEY: []}
    return {
        MODEL_KEY: [model for model in models if model.id == picked][:1],
        BLESSING_KEY: [blessed[picked]],
    }
