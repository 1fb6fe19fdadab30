"""Reads predictions that passed and hands them to the prediction log, in a thread.

Reading a request costs more than passing it on, so it is done when there is time;
what comes while too much waits is dropped and counted.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass, field

from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_writer import PredictionLogWriter
from serving.prediction_log.logged_request import (
    NO_FACTS,
    ClientFacts,
    LoggedBatch,
    LoggedRequest,
)
from serving.prediction_log.sampling import is_in_share
from serving.router.answered_prediction import AnsweredPrediction
from serving.router.logged_rows import (
    PredictedRows,
    grpc_rows,
    grpc_version,
    rest_rows,
)
from serving.router.read_together import (
    Group,
    first_rows,
    grouped,
    read_group,
)
from serving.router.served_models import ServedModel, ServedModels
from serving.session_model import TRANSFORM_SIGNATURE

_LOG = logging.getLogger(__name__)
_WAIT_S = 0.1
_MAX_WAITING = 20_000
_MAX_WAITING_BYTES = 256 << 20


@dataclass(kw_only=True, slots=True)
class RecorderCounts:
    """What became of answered predictions, requests each.

    Attributes:
        offered: To the log's writer; it counts rows itself.
        dropped: Left out, for too many waited.
        unreadable: Left out, for they could not be read as the signature says.
    """

    offered: int = 0
    dropped: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Waiting:
    """Predictions that wait, and their bytes."""

    predictions: deque[AnsweredPrediction] = field(default_factory=deque)
    num_bytes: int = 0


class PredictionRecorder:
    """The way from the router to the log; `offer` never waits and never raises.

    Attributes:
        counts: So far.
    """

    def __init__(
        self, writer: PredictionLogWriter, config: LogConfig, models: ServedModels
    ) -> None:
        """Starts the thread.

        Args:
            writer: Is closed with the recorder.
            config: The writer's.
            models: Says what signatures there are.
        """
        self.counts = RecorderCounts()
        self.writer = writer
        self._share = config.share
        self._models = models
        self._waiting = _Waiting()
        self._lock = threading.Lock()
        self._wakes = threading.Event()
        self._is_closing = self._is_known_unreadable = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def offer(self, answered: AnsweredPrediction) -> bool:
        """Takes a prediction; False: it is not in the log's share, or is dropped."""
        if not is_in_share(answered.request_id, self._share):
            return False
        size = _size(answered)
        with self._lock:
            waiting = self._waiting
            has_room = (
                len(waiting.predictions) < _MAX_WAITING
                and waiting.num_bytes + size <= _MAX_WAITING_BYTES
                and not self._is_closing
            )
            if has_room:
                waiting.predictions.append(answered)
                waiting.num_bytes += size
        if not has_room:
            self.counts.dropped += 1
            return False
        return True

    def close(self, limit_s: float = 10.0) -> None:
        """Reads what waits, for at most so many seconds, and closes the writer."""
        self._is_closing = True
        self._wakes.set()
        self._thread.join(limit_s)
        if self._thread.is_alive():
            left = len(self._waiting.predictions)
            _LOG.error("%d predictions are not in the log: no time to read them.", left)
        self.writer.close(limit_s)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wakes.wait(_WAIT_S)
            is_last = self._is_closing
            with self._lock:
                waiting, self._waiting = self._waiting, _Waiting()
            groups, others = grouped(waiting.predictions)
            for group in groups:
                if not self._record_group(group):
                    others += group.predictions
            for answered in others:
                self._record(answered)

    def _record_group(self, group: Group) -> bool:
        """Logs predictions at once; False: they must be read one by one."""
        first = group.predictions[0]
        try:
            model = self._models.find(first.url, first.version, first.bundle_digest)
            rows = read_group(group, model.signatures[group.signature])
        except Exception:  # noqa: BLE001 - each gets its own error, read by itself
            return False
        facts = [_facts(one) for one in group.predictions]
        if group.signature != TRANSFORM_SIGNATURE:
            self.counts.offered += len(group.predictions)
            self.writer.offer_batch(
                LoggedBatch(
                    model=model.logged,
                    signature=group.signature,
                    rows=rows,
                    answered_us=group.predictions[-1].answered_us,
                    request_ids=[one.request_id for one in group.predictions],
                    latencies_s=[one.took_s for one in group.predictions],
                    first_rows=first_rows(group.sizes),
                    sizes=group.sizes,
                    facts=facts if facts.count(NO_FACTS) < len(facts) else (),
                )
            )
        return True

    def _record(self, answered: AnsweredPrediction) -> None:
        try:
            model, found = self._read(answered)
        except Exception as error:  # noqa: BLE001 - clients send what they like
            self.counts.unreadable += 1
            if not self._is_known_unreadable:
                self._is_known_unreadable = True
                _LOG.error(
                    "A prediction cannot be logged: %s: %s. Others like it are only "
                    "counted.",
                    type(error).__name__,
                    error,
                )
            return
        if found.signature == TRANSFORM_SIGNATURE:
            return  # features, no prediction
        self.counts.offered += 1
        self.writer.offer(
            LoggedRequest(
                model=model.logged,
                request_id=answered.request_id,
                rows=found.rows,
                num_rows=found.num_rows,
                latency_s=answered.took_s,
                signature=found.signature,
                answered_us=answered.answered_us,
                facts=_facts(answered),
            )
        )

    def _read(self, answered: AnsweredPrediction) -> tuple[ServedModel, PredictedRows]:
        request, answer = answered.exchange
        version = answered.version
        if isinstance(request, bytes) and isinstance(answer, bytes):
            version = version or grpc_version(answer)
            model = self._models.find(answered.url, version, answered.bundle_digest)
            return model, grpc_rows(request, answer)
        model = self._models.find(answered.url, version, answered.bundle_digest)
        return model, rest_rows(request, answer, model)  # type: ignore[arg-type]


def _facts(answered: AnsweredPrediction) -> ClientFacts:
    return ClientFacts(
        event_time=answered.event_time, key=answered.key, variant=answered.variant
    )


def _size(answered: AnsweredPrediction) -> int:
    request, answer = answered.exchange
    if isinstance(request, bytes) and isinstance(answer, bytes):
        return len(request) + len(answer)
    return len(request.body) + len(answer.body)  # type: ignore[union-attr]
