"""The artifact type of this component."""

from tfx.types.artifact import Artifact


class GoldenRows(Artifact):
    """What a bundle holds beside the SavedModel, before it is sealed.

    File structure:
        {uri}/assets.extra/golden_batch.json
        {uri}/assets.extra/schema.pbtxt
        {uri}/assets.extra/tf_serving_warmup_requests

    Commonly used custom properties: `rows` (int), `left_out` (text: JSON list of the
    kinds of rows that found no room).

    TYPE_NAME is a path to import it by: on Kubeflow Pipelines and Vertex AI a node gets
    no more than this name. It may have one dot, so the package itself offers the class.

    Source:
        tfx/orchestration/kubeflow/v2/compiler_utils.py, _SCHEMA_TITLE_RE.
    """

    TYPE_NAME = "components.GoldenRows"
