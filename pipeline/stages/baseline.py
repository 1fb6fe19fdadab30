"""The model a candidate is compared with, and the one it starts from.

Both are the last blessed one: found one way here, other ways on clusters.

Here a resolver strategy of our own looks into ML Metadata. A cluster runs no code of
ours in a resolver: Vertex AI answers two queries of its own, and Kubeflow Pipelines has
no resolvers at all.

Source:
    kubeflow/pipelines, backend/src/v2/compiler/argocompiler/dag.go ("resolver executors
    not implemented"); tfx/orchestration/kubeflow/v2/step_builder.py, which knows two
    stock strategies.
"""

from typing import Any

from components.baseline_resolver.strategy import PreviousBlessedModelStrategy
from components.published_baseline.component import PublishedBaseline
from pipeline import tfx_api
from pipeline.dag_inputs import DagInputs

NODE_ID = "baseline_resolver"
BASE_NODE_ID = "base_model_resolver"


def create_baseline(inputs: DagInputs, model: Any) -> Any:
    """Returns the node whose output `model` is the baseline, or nothing yet.

    Args:
        inputs: `baseline` says where it is looked for.
        model: The candidate's channel.
    """
    return _FORMS[inputs.baseline](inputs, model).with_id(NODE_ID)


def create_base_model(inputs: DagInputs, examples: Any) -> Any:
    """Returns the node whose output `model` is what training starts from.

    Here that is the newest blessed model that came before the rows to learn from: a
    run that changes nothing finds the same one again, and no model starts from one
    that has learned the very same rows.

    Args:
        inputs: `baseline` says where it is looked for.
        examples: The transformed rows' channel.
    """
    return _FORMS[inputs.baseline](inputs, examples).with_id(BASE_NODE_ID)


def _previous_blessed(_inputs: DagInputs, model: Any) -> Any:
    return tfx_api.Resolver(
        strategy_class=PreviousBlessedModelStrategy,
        candidate=model,
        model=tfx_api.Channel(type=tfx_api.Model),
        model_blessing=tfx_api.Channel(type=tfx_api.ModelBlessing),
    )


def _latest_blessed(_inputs: DagInputs, _model: Any) -> Any:
    return tfx_api.Resolver(
        strategy_class=tfx_api.LatestBlessedModelStrategy,
        model=tfx_api.Channel(type=tfx_api.Model),
        model_blessing=tfx_api.Channel(type=tfx_api.ModelBlessing),
    )


def _published(inputs: DagInputs, _model: Any) -> Any:
    return PublishedBaseline(
        model_base_path=inputs.config.deployment.model_base_path,
        model_name=inputs.config.name,
    )


_FORMS = {
    "previous_blessed": _previous_blessed,
    "latest_blessed": _latest_blessed,
    "published": _published,
}
