"""Hands what was answered to the prediction log.

What it costs a request is a microsecond: requests that ran as one are handed on as one,
and so are the calls of a hundredth of a second. Logged is what a Predict, Classify or
Regress call was answered with, over REST or gRPC. Errors, calls of `transform_features`
and MultiInference are not: they are no predictions, or several of one row.
"""

import asyncio
import difflib
import logging
import time
import weakref
from collections.abc import Hashable, Sequence
from itertools import accumulate

import numpy as np

from serving.prediction_log.compact_rows import compacted, compacted_columns
from serving.prediction_log.joined_text import JoinedNames
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_process import PredictionLogProcess
from serving.prediction_log.logged_request import (
    NO_FACTS,
    Columns,
    LoggedBatch,
    LoggedModel,
    LoggedRequest,
)
from serving.server.core import Arrays, Servable
from serving.server.grpc_calls import RpcCall
from serving.server.metrics import ServerMetrics
from serving.server.packed_rows import PackedRows, join
from serving.server.ran_rows import RanRows
from serving.server.rest.http_message import AnsweredRequest
from serving.server.saved_model import SavedModelServable
from serving.session_model import TRANSFORM_SIGNATURE

_LOG = logging.getLogger(__name__)
_COLLECTS_S = 0.01
"""So much earlier than its `time` says a call may have been answered."""
_MOST_CALLS = 64


class PredictionLogging:
    """Observes both protocols.

    Attributes:
        writer: The log, of a process of its own.
    """

    def __init__(self, config: LogConfig, metrics: ServerMetrics) -> None:
        """Starts the writer; `metrics` hears of every row."""
        self._config = config
        self._models: weakref.WeakKeyDictionary[Servable, LoggedModel]
        self._models = weakref.WeakKeyDictionary()
        self.writer = PredictionLogProcess(config, metrics.on_logged_rows)
        # Calls of the last moment, which are handed on as one batch.
        self._calls: list[RpcCall] = []
        metrics.prediction_log_buffer.follow((), lambda: self.writer.buffered_rows)

    def on_requests(self, answered: Sequence[AnsweredRequest]) -> None:
        """Logs requests that were answered at once; an observer of RestOptions."""
        try:
            self._log_requests(answered)
        except Exception:  # noqa: BLE001 - no request fails because of the log
            _LOG.exception("%d requests were not logged", len(answered))

    def on_call(self, call: RpcCall) -> None:
        """Logs an answered call; an observer of GrpcOptions."""
        try:
            self._log_call(call)
        except Exception:  # noqa: BLE001 - no request fails because of the log
            _LOG.exception("a call was not logged")

    def close(self) -> None:
        """Writes what waits."""
        self._offer_calls()
        self.writer.close()

    def _log_requests(self, answered: Sequence[AnsweredRequest]) -> None:
        ran = answered[0].answer.ran
        if all([one.answer.ran is ran for one in answered]):  # noqa: C419 - faster
            if ran is not None:
                self._log_shared(ran, answered)
            return
        alike: dict[int, list[AnsweredRequest]] = {}
        for one in answered:
            alike.setdefault(id(one.answer.ran), []).append(one)
        for group in alike.values():
            self._log_requests(group)

    def _log_call(self, call: RpcCall) -> None:
        ran, servable = call.ran, call.servable
        if ran is None or servable is None or ran.signature == TRANSFORM_SIGNATURE:
            return
        if isinstance(ran.inputs, PackedRows):
            self._collect(call)
            return
        self.writer.offer(
            LoggedRequest(
                model=self._model(servable),
                request_id=call.request_id,
                signature=ran.signature,
                rows=(ran.inputs, ran.outputs),
                num_rows=call.num_rows,
                latency_s=call.took_s,
                facts=call.facts,
            )
        )

    def _collect(self, call: RpcCall) -> None:
        if not self._calls:
            loop = asyncio.get_running_loop()
            loop.call_later(_COLLECTS_S, self._offer_calls)
        self._calls.append(call)
        if len(self._calls) >= _MOST_CALLS:
            self._offer_calls()

    def _offer_calls(self) -> None:
        """Hands on what was collected."""
        calls, self._calls = self._calls, []
        alike: dict[Hashable, list[RpcCall]] = {}
        for call in calls:
            alike.setdefault(_likeness(call), []).append(call)
        for group in alike.values():
            try:
                self._offer_alike(group)
            except Exception:  # noqa: BLE001 - no request fails because of the log
                _LOG.exception("%d calls were not logged", len(group))

    def _offer_alike(self, calls: Sequence[RpcCall]) -> None:
        servable, ran = calls[0].servable, calls[0].ran
        if servable is None or ran is None:  # _log_call lets none of these by
            return
        sizes = [call.num_rows for call in calls]
        facts = [call.facts for call in calls]
        every = [call.ran for call in calls if call.ran is not None]
        inputs = join(
            [rows for one in every if isinstance(rows := one.inputs, PackedRows)]
        )
        outputs = {
            name: np.concatenate([one.outputs[name] for one in every])
            for name in ran.outputs
        }
        self.writer.offer_batch(
            LoggedBatch(
                model=self._model(servable),
                signature=ran.signature,
                rows=(compacted(inputs), compacted_columns(outputs)),
                answered_us=time.time_ns() // 1000,
                request_ids=JoinedNames.of([call.request_id for call in calls]),
                latencies_s=np.array([call.took_s for call in calls]),
                first_rows=list(accumulate(sizes[:-1], initial=0)),
                sizes=sizes,
                facts=facts if facts.count(NO_FACTS) < len(facts) else (),
            )
        )

    def _log_shared(self, ran: RanRows, answered: Sequence[AnsweredRequest]) -> None:
        servable = answered[0].answer.servable
        if servable is None or ran.signature == TRANSFORM_SIGNATURE:
            return
        facts = [one.request.facts for one in answered]
        self.writer.offer_batch(
            LoggedBatch(
                model=self._model(servable),
                signature=ran.signature,
                rows=(_held(ran.inputs), compacted_columns(ran.outputs)),
                answered_us=time.time_ns() // 1000,
                request_ids=JoinedNames.of([one.request_id for one in answered]),
                latencies_s=np.array([one.took_s for one in answered]),
                first_rows=[one.answer.first_row for one in answered],
                sizes=[one.answer.num_rows for one in answered],
                facts=facts if facts.count(NO_FACTS) < len(facts) else (),
            )
        )

    def _model(self, servable: Servable) -> LoggedModel:
        model = self._models.get(servable)
        if model is None:
            model = self._models[servable] = logged_model(servable)
            _check_masked(self._config.masked, model)
        return model


def _likeness(call: RpcCall) -> Hashable:
    """Returns what calls have in common whose arrays can be put together."""
    ran = call.ran
    if ran is None:
        return None
    layout = ran.inputs.layout if isinstance(ran.inputs, PackedRows) else None
    outputs = [(k, v.dtype.str, v.shape[1:]) for k, v in ran.outputs.items()]
    return (id(call.servable), ran.signature, layout, *outputs)


def _held(inputs: Arrays) -> Arrays:
    """Returns inputs as they may wait for long."""
    return compacted(inputs) if isinstance(inputs, PackedRows) else inputs


def logged_model(servable: Servable) -> LoggedModel:
    """Returns a version as the log knows it; it does not keep the version alive."""
    own = servable if isinstance(servable, SavedModelServable) else None
    return LoggedModel(
        name=servable.name,
        version=servable.version,
        bundle_digest=servable.bundle_digest or "",
        contract=own.contract if own else None,
        transform=_Transform(own) if own and own.has_transform else None,
    )


class _Transform:
    """Runs a version's transform graph as long as the version is loaded."""

    def __init__(self, servable: SavedModelServable) -> None:
        self._servable = weakref.ref(servable)

    def __call__(self, examples: list[bytes]) -> Columns:
        """Returns the transformed features; nothing where the version is gone."""
        servable = self._servable()
        return {} if servable is None else servable.transform(examples)


def _check_masked(masked: Sequence[str], model: LoggedModel) -> None:
    """Says so where a name that is to be masked is not one of a model's."""
    if model.contract is None:
        return
    known = set(model.contract.feature_names)
    known |= {feature.name for feature in model.contract.transformed_features}
    for signature in model.contract.signatures.values():
        known |= {tensor.name for tensor in signature.outputs}
    for name in masked:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            _LOG.error(
                "--prediction_log_masked names %r, which %s %d does not have%s. "
                "Nothing is masked by it.",
                name,
                model.name,
                model.version,
                f"; did you mean {near[0]!r}?" if near else "",
            )
