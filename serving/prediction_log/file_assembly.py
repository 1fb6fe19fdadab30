"""Sorts offered batches into files: one open file a model's schema."""

import logging
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from serving.prediction_log.arrow_columns import ColumnMaker
from serving.prediction_log.file_delivery import FileDelivery
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import (
    LEFT_OUT,
    REPLACED,
    UNREADABLE,
    LogCounters,
)
from serving.prediction_log.log_schema import LogSchema, array_schema, contract_schema
from serving.prediction_log.logged_request import LoggedBatch
from serving.prediction_log.merged_rows import ReadBatch, read_batch
from serving.prediction_log.open_file import OpenFile, file_metadata
from serving.prediction_log.record_batches import record_batch
from serving.prediction_log.sampling import sample_of

_LOG = logging.getLogger(__name__)
_MAX_SCHEMAS = 256


class FileAssembly:
    """The open files of one writer; used by its thread alone."""

    def __init__(
        self,
        config: LogConfig,
        writer_id: str,
        counters: LogCounters,
        delivery: FileDelivery,
    ) -> None:
        """Takes what it is made of; nothing is open yet."""
        self._config = config
        self._writer_id = writer_id
        self._counters = counters
        self._delivery = delivery
        self._files: dict[tuple[str, Any], OpenFile] = {}
        # id of a model, kept alive beside the schema, so that no other gets the id.
        self._schemas: dict[Hashable, tuple[Any, LogSchema]] = {}

    @property
    def open_rows(self) -> int:
        """Rows of files that are not closed yet."""
        return sum(file.rows for file in list(self._files.values()))

    def add(self, batches: Sequence[LoggedBatch]) -> None:
        """Takes batches into the files of their models."""
        alike: dict[Hashable, list[ReadBatch]] = {}
        for batch in self._sampled(batches):
            try:
                found = read_batch(batch)
            except Exception as error:  # noqa: BLE001 - a proxy's reader may raise any
                self._on_unreadable(batch, error)
            else:
                alike.setdefault(found.likeness, []).append(found)
        made: dict[tuple[str, Any], list[Any]] = {}
        for parts in alike.values():
            schema = self._schema(parts[0])
            key = (parts[0].batch.model.name, schema.arrow)
            made.setdefault(key, []).extend(self._record_batches(parts, schema))
        for key, record_batches in made.items():
            if record_batches:
                self._write(key, record_batches)

    def close_all(self) -> None:
        """Closes every file and hands it on."""
        for key in list(self._files):
            self._close(key)

    def _sampled(self, batches: Sequence[LoggedBatch]) -> Iterator[LoggedBatch]:
        for batch in batches:
            sample = sample_of(batch, self._config.share)
            self._counters.add(
                batch.model.name, LEFT_OUT, sum(batch.sizes) - sum(sample.sizes)
            )
            if sample.request_ids:
                yield sample

    def _schema(self, part: ReadBatch) -> LogSchema:
        model, config = part.batch.model, self._config
        key = id(model) if model.contract else (id(model), part.likeness)
        known = self._schemas.get(key)
        if known is not None:
            return known[1]
        if model.contract is None:
            schema = array_schema(part.inputs, part.outputs, config.masked)
        else:
            schema = contract_schema(
                model.contract,
                config.masked,
                has_transformed=bool(model.transform and config.transformed_share),
            )
        if len(self._schemas) >= _MAX_SCHEMAS:
            del self._schemas[next(iter(self._schemas))]
        self._schemas[key] = (model, schema)
        return schema

    def _record_batches(
        self, parts: Sequence[ReadBatch], schema: LogSchema
    ) -> list[Any]:
        """Returns all as one record batch; what cannot be one is dropped alone."""
        maker = ColumnMaker()
        try:
            found = [
                record_batch(
                    parts,
                    schema,
                    maker,
                    transformed_share=self._config.transformed_share,
                )
            ]
        except Exception as error:  # noqa: BLE001 - values of a client's making
            if len(parts) == 1:
                self._on_unreadable(parts[0].batch, error)
                return []
            half = len(parts) // 2
            return [
                *self._record_batches(parts[:half], schema),
                *self._record_batches(parts[half:], schema),
            ]
        self._counters.add(parts[0].batch.model.name, REPLACED, maker.num_replaced)
        return found

    def _write(self, key: tuple[str, Any], record_batches: Sequence[Any]) -> None:
        file = self._files.get(key)
        if file is None:
            model, schema = key
            file = self._files[key] = OpenFile(model, schema, datetime.now(UTC))
        try:
            file.add(record_batches)
        except Exception:  # noqa: BLE001 - what is half-added makes the file useless
            rows = file.rows + sum(batch.num_rows for batch in record_batches)
            self._give_up(key, rows)
            return
        if file.rows >= self._config.rotate_rows:
            self._close(key)

    def _close(self, key: tuple[str, Any]) -> None:
        metadata = file_metadata(self._config, self._writer_id, key[0])
        file = self._files[key]
        try:
            closed = file.close(metadata)
        except Exception:  # noqa: BLE001 - the log goes on with another file
            self._give_up(key, file.rows)
            return
        del self._files[key]
        self._delivery.add(closed)

    def _give_up(self, key: tuple[str, Any], rows: int) -> None:
        _LOG.exception("a file of the prediction log of %s is lost", key[0])
        del self._files[key]
        self._counters.add(key[0], UNREADABLE, rows)

    def _on_unreadable(self, batch: LoggedBatch, error: Exception) -> None:
        is_first = not self._counters.value(UNREADABLE, batch.model.name)
        self._counters.add(batch.model.name, UNREADABLE, sum(batch.sizes))
        if is_first:
            _LOG.error(
                "rows of %s %d cannot be logged: %s. They are dropped and counted.",
                batch.model.name,
                batch.model.version,
                error,
            )
