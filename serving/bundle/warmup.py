"""tf_serving_warmup_requests: what TF Serving replays before it answers anyone.

A TFRecord of PredictionLog messages in `assets.extra/`, at most 1,000 of them; TF
Serving runs each through the model while it loads a version.
Source: tensorflow.org/tfx/serving/saved_model_warmup.

The first call of a signature builds its kernels and optimizes its graph: every
signature is called with one row and with many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.contract import RawFeature
from serving.bundle.golden_batch import (
    GoldenBatch,
    named_tensors,
    serialized_examples,
)
from serving.bundle.layout import WARMUP
from serving.session_model import (
    EXAMPLES_SIGNATURE,
    NAMED_SIGNATURE,
    TRANSFORM_SIGNATURE,
)

MAX_RECORDS = 1000
_BATCH_ROWS = (1, 32)


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmupRequest:
    """One request.

    Attributes:
        signature: Which signature it calls.
        inputs: Input name to array [rows].
    """

    signature: str
    inputs: Mapping[str, npt.NDArray[Any]]


def warmup_requests(
    batch: GoldenBatch, features: tuple[RawFeature, ...]
) -> list[WarmupRequest]:
    """Returns the golden rows as requests, for every signature and batch size."""
    named = named_tensors(batch, features)
    examples = np.array(serialized_examples(batch, features), dtype=object)
    requests = []
    for rows in _BATCH_ROWS:
        requests.append(
            WarmupRequest(
                signature=NAMED_SIGNATURE,
                inputs={name: values[:rows] for name, values in named.items()},
            )
        )
        requests.extend(
            WarmupRequest(signature=signature, inputs={"examples": examples[:rows]})
            for signature in (EXAMPLES_SIGNATURE, TRANSFORM_SIGNATURE)
        )
    return requests


def write_warmup_file(
    bundle: Path, model_name: str, requests: Sequence[WarmupRequest]
) -> None:
    """Writes the requests where TF Serving looks for them.

    Args:
        bundle: The version's folder.
        model_name: Written into each request; TF Serving does not compare it.
        requests: At most MAX_RECORDS.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    path = bundle / WARMUP
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            message = log.predict_log.request
            message.model_spec.name = model_name
            message.model_spec.signature_name = request.signature
            for name, values in request.inputs.items():
                message.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            writer.write(log.SerializeToString(deterministic=True))


def read_warmup_file(bundle: Path) -> list[WarmupRequest]:
    """Reads the requests as TF Serving does.

    Raises:
        ValueError: There are more than MAX_RECORDS, or one is no predict request.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    requests = []
    for record in tf.data.TFRecordDataset(str(bundle / WARMUP)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        kind = log.WhichOneof("log_type")
        if kind != "predict_log":
            raise ValueError(f"{WARMUP} holds a {kind}; expected predict_log.")
        request = log.predict_log.request
        requests.append(
            WarmupRequest(
                signature=request.model_spec.signature_name,
                inputs={
                    name: tf.make_ndarray(tensor)
                    for name, tensor in sorted(request.inputs.items())
                },
            )
        )
        if len(requests) > MAX_RECORDS:
            raise ValueError(
                f"{WARMUP} holds more than {MAX_RECORDS} records; TF Serving would "
                "not load the model."
            )
    return requests
