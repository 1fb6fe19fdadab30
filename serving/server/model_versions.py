"""The versions of one model: what is wanted, what is there, what to do next.

Availability is preserved: a version is let go only when another one that is wanted
serves, or when the model itself is not wanted any more. When the base path is empty or
gone, everything stays as it is.

Source: tensorflow_serving/core/availability_preserving_policy.cc and
aspired_versions_manager.cc.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serving.server.model_config import ModelConfig
from serving.server.version_policy import list_version_dirs
from serving.server.version_record import (
    AVAILABLE,
    END,
    LOADING,
    START,
    UNLOADING,
    VersionRecord,
)

_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class ModelVersions:
    """One model.

    Attributes:
        name: The model's.
        config: None: the model was taken out of the configuration.
        records: By version.
        labels: Label to version, as requests may use them.
        was_scanned: Whether the base path was read since the configuration came.
    """

    name: str
    config: ModelConfig | None
    records: dict[int, VersionRecord] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    was_scanned: bool = False
    _complaint: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether every wanted version has a first answer."""
        return self.was_scanned and all(
            record.is_settled for record in self.records.values()
        )

    @property
    def available(self) -> list[VersionRecord]:
        """Versions that serve, the newest last."""
        return [
            record
            for _, record in sorted(self.records.items())
            if record.state == AVAILABLE
        ]

    def scan(self) -> None:
        """Reads the base path and marks what is wanted."""
        if self.config is None:
            for record in self.records.values():
                record.is_aspired = False
            return
        try:
            found = list_version_dirs(self.config.base_path)
        except OSError as error:
            self._complain(
                f"Could not find base path {self.config.base_path} for servable "
                f"{self.name}: {error.strerror}"
            )
            found = {}
        else:
            self._complain_of_none(bool(found))
        self.was_scanned = True
        self._want(self.config.policy.choose(found))

    def _want(self, wanted: Mapping[int, Path]) -> None:
        """Marks these versions, unless there is none: then all stays as it is."""
        if not wanted:
            return
        for version, path in wanted.items():
            if self._is_to_begin(self.records.get(version)):
                self.records[version] = VersionRecord(version=version, path=path)
        for version, record in self.records.items():
            record.is_aspired = version in wanted

    @staticmethod
    def _is_to_begin(record: VersionRecord | None) -> bool:
        """Tells whether a wanted version starts anew: it is new, or it had ended."""
        if record is None or record.state == UNLOADING:
            return True
        return record.state == END and (record.error is None or not record.is_aspired)

    def due_loads(self) -> list[VersionRecord]:
        """Returns versions to load now, the newest first; they count as loading."""
        due = [
            record
            for _, record in sorted(self.records.items(), reverse=True)
            if record.is_due()
        ]
        for record in due:
            record.on_loading()
        return due

    def due_unloads(self) -> list[VersionRecord]:
        """Returns versions to let go now; ends those that never came to serve."""
        for record in self.records.values():
            has_stopped = record.state == START or (
                record.state == LOADING and record.error is not None
            )
            if not record.is_aspired and has_stopped:
                record.state, record.retry_s = END, None
        unwanted = [record for record in self.available if not record.is_aspired]
        is_replaced = any(record.is_aspired for record in self.available)
        if self.config is None or is_replaced:
            return unwanted
        # The newest of them serves on until a wanted one can.
        return unwanted[:-1]

    def _complain_of_none(self, has_versions: bool) -> None:
        assert self.config is not None  # noqa: S101 - the one caller has checked
        if has_versions:
            self._complaint = ""
            return
        self._complain(
            f"No versions of servable {self.name} found under base path "
            f"{self.config.base_path}. Did you forget to name your leaf directory as a "
            "number (eg. '/1/')?"
        )

    def _complain(self, complaint: str) -> None:
        """Says it once, not every second."""
        if complaint != self._complaint:
            self._complaint = complaint
            _LOG.warning("%s", complaint)
