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
    """

    TYPE_NAME = "GoldenRows"
