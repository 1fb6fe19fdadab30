"""Hands what was answered to the prediction log.

What it costs a request is a few references: request ids, times and the arrays that the
graph took and gave, as they are. Logged is what a Predict, Classify or Regress call was
answered with, over REST or gRPC. Errors, calls of `transform_features` and
MultiInference are not: they are no predictions, or several of one row.
"""

import difflib
import logging
import time
import weakref
from collections.abc import Sequence

from serving.prediction_log.compact_rows import compacted
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_writer import PredictionLogWriter
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
from serving.server.packed_rows import PackedRows
from serving.server.ran_rows import RanRows
from serving.server.rest.http_message import AnsweredRequest
from serving.server.saved_model import SavedModelServable
from serving.session_model import TRANSFORM_SIGNATURE

_LOG = logging.getLogger(__name__)


class PredictionLogging:
    """Observes both protocols.

    Attributes:
        writer: The log of this process.
    """

    def __init__(self, config: LogConfig, metrics: ServerMetrics) -> None:
        """Starts the writer; `metrics` hears of every row."""
        self._config = config
        self._models: weakref.WeakKeyDictionary[Servable, LoggedModel]
        self._models = weakref.WeakKeyDictionary()
        self.writer = PredictionLogWriter(config, metrics.on_logged_rows)
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
        self.writer.offer(
            LoggedRequest(
                model=self._model(servable),
                request_id=call.request_id,
                signature=ran.signature,
                rows=(_held(ran.inputs), ran.outputs),
                num_rows=call.num_rows,
                latency_s=call.took_s,
                facts=call.facts,
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
                rows=(_held(ran.inputs), ran.outputs),
                answered_us=time.time_ns() // 1000,
                request_ids=[one.request_id for one in answered],
                latencies_s=[one.took_s for one in answered],
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
