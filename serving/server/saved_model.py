"""A loaded version: its signatures, and a batcher for each that is called.

The version stays usable as long as somebody holds it. Whoever drops the last reference
closes it: the manager lets go of an old version, and the last request that still runs
on it takes it along.
"""

import functools
import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.contract import SealedContract
from serving.server.batcher import Batcher
from serving.server.batching_parameters import (
    MICRO_BATCHING,
    NO_BATCHING,
    BatchingParameters,
)
from serving.server.core import Arrays, Signature, TensorInfo
from serving.server.graph_session import GraphSession
from serving.server.metrics import ServerMetrics
from serving.server.packed_rows import PackedRows, RowLayout, unpack
from serving.server.request_checks import (
    check_contract,
    check_outputs,
    has_scalar_rows,
    ordered_inputs,
)
from serving.server.status import Code, ServingError
from serving.server.worker_pool import WorkerPool
from serving.session_model import NAMED_SIGNATURE, TRANSFORM_SIGNATURE

_LOG = logging.getLogger(__name__)
# Every set of outputs that is asked for gets a callable; more sets than these share
# the one of all outputs, lest clients fill the memory with callables.
_MAX_OUTPUT_SETS = 16
# REST has one layout a signature; what more there might be is checked every time.
_MAX_LAYOUTS = 256
_BatcherKey = tuple[str, tuple[str, ...], RowLayout | None]
_APIS = {
    "tensorflow/serving/classify": "Classify",
    "tensorflow/serving/regress": "Regress",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """What all versions of a server share.

    Attributes:
        pool: Runs the models.
        batching: How.
        metrics: Hears of every call.
        batches_unproven: Whether a signature is batched although nothing has shown
            that its rows do not depend on each other: the operator's word for it.
    """

    pool: WorkerPool
    batching: BatchingParameters
    metrics: ServerMetrics
    batches_unproven: bool = False


class SavedModelServable:
    """A core.Servable over a SavedModel; see there for the other attributes.

    Attributes:
        contract: The bundle's; None where the directory has none.
    """

    def __init__(
        self,
        name: str,
        version: int,
        graph: GraphSession,
        runtime: Runtime,
        sealed: SealedContract | None = None,
    ) -> None:
        """Takes over a loaded graph.

        Args:
            name: The model's name.
            version: Its number.
            graph: Closed with this object.
            runtime: Shared with other versions.
            sealed: The bundle's contract; with one, shapes are checked as it has them.
        """
        self.name = name
        self.version = version
        self.bundle_digest = sealed.digest if sealed else None
        self.contract = sealed.contract if sealed else None
        self._nullable = frozenset(sealed.contract.feature_names if sealed else ())
        self.signatures: Mapping[str, Signature] = graph.signatures
        self.signature_defs: Mapping[str, Any] = graph.signature_defs
        self._graph = graph
        self._runtime = runtime
        self._is_row_wise: dict[str, bool] = {}
        # Asked for with every request, so worked out once.
        self._shared_rows: dict[str, int] = {}
        self._batchers: dict[_BatcherKey, Batcher] = {}
        # A callable's first call optimizes the graph, for up to a second: what the
        # warm-up called stays.
        self._calls: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._layouts: dict[tuple[str, RowLayout], bool] = {}
        self._lock = threading.Lock()
        self._finalizer: weakref.finalize[..., Any] | None = None
        self.on_close(_nothing)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Calls this once the last request is answered and the graph is closed."""
        if self._finalizer is not None:
            self._finalizer.detach()
        self._finalizer = weakref.finalize(
            self, _close_elsewhere, self._graph, callback
        )
        self._finalizer.atexit = False

    def nullable_inputs(self, signature: str) -> frozenset[str]:
        """Returns the inputs that may be missing: null stands for NaN, or for ""."""
        return self._nullable if signature == NAMED_SIGNATURE else frozenset()

    def set_row_wise(self, signature: str, is_row_wise: bool) -> None:
        """Says whether requests of a signature may share a call from now on.

        Args:
            signature: Its name.
            is_row_wise: Whether a row's answer is the same whatever rows are beside
                it. Until somebody says so, only Runtime.batches_unproven lets
                requests share a call: a wrong guess would be a wrong answer.
        """
        with self._lock:
            self._is_row_wise[signature] = is_row_wise
            self._shared_rows[signature] = self._may_share(signature)
            for key in [key for key in self._batchers if key[0] == signature]:
                del self._batchers[key]

    def shared_rows(self, signature: str) -> int:
        """Returns how many rows may be handed over as one; see core.Servable.

        Batching parameters of the operator's count every request: none then.
        """
        return self._shared_rows.get(signature, 0)

    def _may_share(self, signature: str) -> int:
        described = self.signatures.get(signature)
        if self._runtime.batching is not MICRO_BATCHING or described is None:
            return 0
        is_shared = self._is_row_wise[signature] and _may_be_batched(described)
        return MICRO_BATCHING.max_batch_size if is_shared else 0

    async def run(
        self,
        signature: str,
        inputs: Arrays,
        outputs: Sequence[str] = (),
        num_requests: int = 1,
    ) -> Arrays:
        """Answers one request, or the rows of several; see core.Servable."""
        described = self._signature(signature)
        if outputs:
            check_outputs(described, outputs)
        layout, ordered, rows = self._checked(described, inputs)
        names, batcher = self._batcher(described, outputs, layout)
        started = time.perf_counter()
        answers = await batcher.run(ordered, rows, self)
        self._runtime.metrics.on_run(
            self.name,
            _APIS.get(described.method_name, "Predict"),
            time.perf_counter() - started,
            num_requests,
        )
        found = dict(zip(names, answers, strict=True))
        return {name: found[name] for name in outputs} if outputs else found

    @property
    def has_transform(self) -> bool:
        """Whether it tells how it sees a request's features."""
        return TRANSFORM_SIGNATURE in self.signatures

    def transform(self, examples: Sequence[bytes]) -> Arrays:
        """Runs `transform_features` in the calling thread, beside the requests.

        Args:
            examples: Serialized tf.Examples.

        Returns:
            Transformed features [examples, …].

        Raises:
            ServingError: The graph refuses them.
        """
        described = self._signature(TRANSFORM_SIGNATURE)
        names = tuple(described.outputs)
        (name,) = described.inputs
        inputs = np.empty(len(examples), object)
        inputs[:] = examples
        with self._lock:
            call = self._callable(described.name, names)
        ordered = ordered_inputs(described, {name: inputs})
        return dict(zip(names, call(*ordered), strict=True))

    def _checked(
        self, described: Signature, inputs: Arrays
    ) -> tuple[RowLayout | None, list[npt.NDArray[Any]], int]:
        """Returns the layout, if it has one, the arrays and the rows of a request."""
        if isinstance(inputs, PackedRows) and self._takes(described, inputs.layout):
            return inputs.layout, inputs.blocks, inputs.num_rows
        ordered = ordered_inputs(described, inputs)
        if self.bundle_digest is not None:
            check_contract(described, ordered)
        return None, ordered, _common_rows(described, ordered)

    def _takes(self, described: Signature, layout: RowLayout) -> bool:
        """Tells whether rows of a layout need no further check of theirs."""
        key = (described.name, layout)
        is_taken = self._layouts.get(key)
        if is_taken is None:
            is_taken = layout.fits(described) and (
                self.bundle_digest is None or has_scalar_rows(described)
            )
            if len(self._layouts) < _MAX_LAYOUTS:
                self._layouts[key] = is_taken
        return is_taken

    def _signature(self, name: str) -> Signature:
        described = self.signatures.get(name)
        if described is not None:
            return described
        if name in self.signature_defs:
            raise ServingError(
                Code.UNIMPLEMENTED,
                f'signature "{name}" has sparse or composite tensors, which are not '
                "served.",
            )
        raise ServingError(
            Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
        )

    def _batcher(
        self,
        described: Signature,
        outputs: Sequence[str],
        layout: RowLayout | None,
    ) -> tuple[tuple[str, ...], Batcher]:
        names = tuple(sorted(outputs)) or tuple(described.outputs)
        batcher = self._batchers.get((described.name, names, layout))
        if batcher is not None:
            return names, batcher
        with self._lock:
            if len(self._batchers) >= _MAX_OUTPUT_SETS * len(self.signatures):
                names = tuple(described.outputs)
            key = (described.name, names, layout)
            if key not in self._batchers:
                self._batchers[key] = self._new_batcher(described, names, layout)
            return names, self._batchers[key]

    def _new_batcher(
        self, described: Signature, names: tuple[str, ...], layout: RowLayout | None
    ) -> Batcher:
        is_row_wise = self._is_row_wise.get(
            described.name, self._runtime.batches_unproven
        )
        is_batched = is_row_wise and _may_be_batched(described)
        call = self._callable(described.name, names)
        return Batcher(
            call if layout is None else _unpacking(call, layout),
            self._runtime.batching if is_batched else NO_BATCHING,
            self._runtime.pool,
            functools.partial(self._runtime.metrics.on_batch, self.name),
            ends_surely=self._graph.ends_surely,
        )

    def _callable(self, signature: str, names: tuple[str, ...]) -> Any:
        call = self._calls.get((signature, names))
        if call is None:
            call = self._graph.callable_for(signature, names)
            self._calls[signature, names] = call
        return call


def _unpacking(call: Any, layout: RowLayout) -> Callable[..., Any]:
    def call_packed(*blocks: npt.NDArray[Any]) -> Any:
        return call(*unpack(layout, blocks))

    return call_packed


def _nothing() -> None:
    """Nobody waits for the end of this version."""


def _close_elsewhere(graph: GraphSession, callback: Callable[[], None]) -> None:
    """Closes a graph in a thread of its own: the last request may end on the loop."""

    def close() -> None:
        try:
            graph.close()
        except Exception:  # noqa: BLE001 - whatever it is, the version is gone
            _LOG.exception("a version was not closed cleanly")
        callback()

    threading.Thread(target=close, name="version-close", daemon=True).start()


def _may_be_batched(described: Signature) -> bool:
    """Tells whether every input and output has, or may have, one row a request row."""
    tensors = [*described.inputs.values(), *described.outputs.values()]
    return bool(described.inputs) and all(_has_rows(info) for info in tensors)


def _has_rows(info: TensorInfo) -> bool:
    return info.shape is None or (len(info.shape) > 0 and info.shape[0] < 0)


def _common_rows(described: Signature, ordered: Sequence[npt.NDArray[Any]]) -> int:
    """Returns the rows that all inputs have; 0 where they differ or have none."""
    sizes = {values.shape[0] if values.ndim else 0 for values in ordered}
    return sizes.pop() if len(sizes) == 1 and described.inputs else 0
