"""Replays a version's recorded requests before it answers anyone.

Also finds out whether the rows of a request depend on each other: a request of many
rows is put again in two halves. A graph that answers otherwise then, say one that
subtracts the mean of the batch, gets every request by itself; so does one that nothing
was shown of, unless --enable_batching asks for it.

Source: tensorflow.org/tfx/serving/saved_model_warmup;
tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.layout import WARMUP
from serving.bundle.warmup import MAX_RECORDS
from serving.server.core import Arrays
from serving.server.example_inputs import serialized_examples
from serving.server.graph_session import telling_line
from serving.server.grpc_tensors import arrays_from_protos
from serving.server.saved_model import SavedModelServable
from serving.server.status import Code, ServingError

_LOG = logging.getLogger(__name__)
_DEFAULT_SIGNATURE = "serving_default"
# Other kernels run for other numbers of rows; their last digits differ.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    signature: str
    inputs: Arrays


def replay_warmup(
    servable: SavedModelServable, path: Path, num_iterations: int = 1
) -> None:
    """Puts every recorded request.

    Args:
        servable: The version.
        path: Its folder.
        num_iterations: How often.

    Raises:
        ServingError: INVALID_ARGUMENT: the file is damaged, or holds more than
            MAX_RECORDS. Else as a request fails.
    """
    calls = _read_calls(path)
    # The batchers answer to a loop; a thread that loads has none.
    asyncio.run(_replay(servable, calls, num_iterations))


async def _replay(
    servable: SavedModelServable, calls: list[_Call], num_iterations: int
) -> None:
    tried: set[str] = set()
    for call in calls:
        for _ in range(num_iterations):
            whole = await servable.run(call.signature, call.inputs)
        rows = {
            values.shape[0] if values.ndim else 0 for values in call.inputs.values()
        }
        if call.signature in tried or len(rows) != 1 or max(rows) <= 1:
            continue
        tried.add(call.signature)
        is_row_wise = await _is_row_wise(servable, call, whole, rows.pop())
        servable.set_row_wise(call.signature, is_row_wise)
        if not is_row_wise:
            _LOG.warning(
                "%s version %d: the rows of a request to %r depend on each other; its "
                "requests are not batched.",
                servable.name,
                servable.version,
                call.signature,
            )


async def _is_row_wise(
    servable: SavedModelServable, call: _Call, whole: Arrays, rows: int
) -> bool:
    middle = rows // 2
    answers = [
        await servable.run(
            call.signature, {name: values[part] for name, values in call.inputs.items()}
        )
        for part in (slice(None, middle), slice(middle, None))
    ]
    return all(
        _is_close(values, [answer[name] for answer in answers])
        for name, values in whole.items()
    )


def _is_close(whole: npt.NDArray[Any], parts: list[npt.NDArray[Any]]) -> bool:
    if any(part.shape[1:] != whole.shape[1:] or not part.ndim for part in parts):
        return False
    joined = np.concatenate(parts)
    if joined.shape != whole.shape:
        return False
    if whole.dtype.kind in "fc":
        return np.allclose(whole, joined, _RELATIVE, _ABSOLUTE, equal_nan=True)
    return bool(np.array_equal(whole, joined))


def _read_calls(path: Path) -> list[_Call]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    file = path / WARMUP
    calls: list[_Call] = []
    try:
        records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
        for place, record in enumerate(records):
            if place >= MAX_RECORDS:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) "
                    f"at {file}",
                )
            calls += _calls_of(prediction_log_pb2.PredictionLog.FromString(record))
    except tf.errors.DataLossError as error:
        raise ServingError(
            Code.DATA_LOSS,
            f"{file} cannot be read: {telling_line(error)}. Please verify your warmup "
            "data is in TFRecord format.",
        ) from error
    except (tf.errors.OpError, DecodeError) as error:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"{file} cannot be read: {telling_line(error)}"
        ) from error
    return calls


def _calls_of(log: Any) -> Iterator[_Call]:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        yield _Call(
            signature=request.model_spec.signature_name or _DEFAULT_SIGNATURE,
            inputs=arrays_from_protos(request.inputs),
        )
    elif kind in ("classify_log", "regress_log"):
        request = getattr(log, kind).request
        yield _example_call(request.model_spec, request.input)
    elif kind == "multi_inference_log":
        request = log.multi_inference_log.request
        for task in request.tasks:
            yield _example_call(task.model_spec, request.input)
    else:
        raise ServingError(
            Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}"
        )


def _example_call(model_spec: Any, message: Any) -> _Call:
    return _Call(
        signature=model_spec.signature_name or _DEFAULT_SIGNATURE,
        inputs={"inputs": serialized_examples(message)},
    )
