"""How requests are put into batches: TF Serving's batching parameters.

Source: tensorflow_serving/batching/README.md and
tensorflow_serving/servables/tensorflow/session_bundle_config.proto; defaults from
tensorflow/core/kernels/batching_util/shared_batch_scheduler.h.
"""

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from serving.server.config_messages import new_message, read_text_message
from serving.server.status import Code, ServingError

_NUM_CPUS = os.cpu_count() or 1
# TF Serving's defaults under --enable_batching.
_MAX_BATCH_SIZE = 1000
_MAX_ENQUEUED_BATCHES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchingParameters:
    """Rules of a batcher.

    Attributes:
        max_batch_size: Rows of a batch, >= 1; 0: nothing is ever put together.
        batch_timeout_s: Seconds the first request of a batch may wait for others; 0:
            a batch is what queued while the one before it ran.
        max_enqueued_batches: Batches of max_batch_size rows that may wait.
        num_batch_threads: Threads that run batches, of all models together.
        allowed_batch_sizes: Rows a batch may have, rising to max_batch_size: smaller
            ones are filled up with copies of their first row. Empty: any.
        pad_variable_length_inputs: Whether rows of different sizes are filled up with
            their first element, and so share a batch.
        takes_larger_requests: Whether a request of more than max_batch_size rows is a
            batch of its own; else it is refused, as TF Serving does.
    """

    max_batch_size: int
    max_enqueued_batches: int
    batch_timeout_s: float = 0.0
    num_batch_threads: int = _NUM_CPUS
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    takes_larger_requests: bool = False

    def rows_to_run(self, rows: int) -> int:
        """Returns the smallest allowed batch size that holds these rows."""
        for size in self.allowed_batch_sizes:
            if size >= rows:
                return size
        return rows


# Without --enable_batching: what waits is put together, nobody waits for others.
MICRO_BATCHING = BatchingParameters(
    max_batch_size=512, max_enqueued_batches=64, takes_larger_requests=True
)

# With --enable_batching=false: every request by itself.
NO_BATCHING = BatchingParameters(
    max_batch_size=0, max_enqueued_batches=4096, takes_larger_requests=True
)

TF_SERVING_BATCHING = BatchingParameters(
    max_batch_size=_MAX_BATCH_SIZE, max_enqueued_batches=_MAX_ENQUEUED_BATCHES
)


def read_batching_parameters(path: Path) -> BatchingParameters:
    """Reads a BatchingParameters message in protobuf's text format.

    With enable_large_batch_splitting, TF Serving splits a request into batches of
    max_execution_batch_size rows. Here such a request runs whole, as a batch of its
    own; what is put together is held to max_execution_batch_size all the same.

    Raises:
        ServingError: INVALID_ARGUMENT: the file cannot be used.

    Example:
        max_batch_size { value: 128 } batch_timeout_micros { value: 0 }
    """
    message = read_text_message(path, new_message("BatchingParameters"))
    max_batch_size = _at_least(1, message, "max_batch_size", _MAX_BATCH_SIZE)
    is_split = message.enable_large_batch_splitting.value
    if is_split:
        max_batch_size = _at_least(
            1, message, "max_execution_batch_size", max_batch_size
        )
    parameters = BatchingParameters(
        max_batch_size=max_batch_size,
        takes_larger_requests=is_split,
        batch_timeout_s=_at_least(0, message, "batch_timeout_micros", 0) / 1e6,
        max_enqueued_batches=_at_least(
            1, message, "max_enqueued_batches", _MAX_ENQUEUED_BATCHES
        ),
        num_batch_threads=_at_least(1, message, "num_batch_threads", _NUM_CPUS),
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
    )
    _check_allowed_sizes(parameters)
    return parameters


def _at_least(least: int, message: Any, name: str, default: int) -> int:
    value = getattr(message, name).value if message.HasField(name) else default
    if value < least:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"{name} must be at least {least}; was {value}"
        )
    return int(value)


def _check_allowed_sizes(parameters: BatchingParameters) -> None:
    sizes = parameters.allowed_batch_sizes
    if not sizes:
        return
    if sizes[0] < 1 or any(left >= right for left, right in pairwise(sizes)):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "allowed_batch_sizes entries must be positive and in increasing order; "
            f"were {list(sizes)}",
        )
    if sizes[-1] != parameters.max_batch_size:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "Last entry in allowed_batch_sizes must match max_batch_size; last was "
            f"{sizes[-1]}; expected {parameters.max_batch_size}",
        )
