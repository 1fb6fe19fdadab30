"""The models of a server: finds versions, loads them, swaps them, lets them go.

One thread looks at the base paths and decides; loads run in threads of their own, so
that a slow one holds up neither requests nor other models. What requests read is a
mapping that is replaced as a whole, never changed: they take no lock.

Source: tensorflow_serving/model_servers/server_core.cc for the rules and their words.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.server.core import ModelSpec, Servable, VersionStatus
from serving.server.model_config import ModelConfig, models_of
from serving.server.model_versions import ModelVersions
from serving.server.saved_model import SavedModelServable
from serving.server.served_models import (
    ServedModels,
    find_servable,
    served_models,
    version_of,
)
from serving.server.status import Code, ServingError
from serving.server.version_labels import checked_labels
from serving.server.version_loading import VersionRefusedError
from serving.server.version_record import END, UNLOADING, VersionRecord

_LOG = logging.getLogger(__name__)
_TICK_S = 0.2

Load = Callable[[str, int, Path], SavedModelServable]


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagerOptions:
    """How models are followed.

    Attributes:
        poll_wait_s: Seconds between two looks at the base paths; 0: once for each
            configuration; negative: never.
        max_num_load_retries: Loads after the first that failed.
        load_retry_interval_s: Seconds between them.
        num_load_threads: Loads at a time.
        labels_unavailable: Whether a new label may name a version that does not serve.
    """

    poll_wait_s: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_s: float = 60.0
    num_load_threads: int = 2
    labels_unavailable: bool = False


class ModelManager:
    """A core.Backend over folders of SavedModels."""

    def __init__(self, load: Load, options: ManagerOptions) -> None:
        """Has no models yet.

        Args:
            load: Loads one version; raises ServingError.
            options: See there.
        """
        self._load = load
        self._options = options
        self._models: dict[str, ModelVersions] = {}
        self._served: ServedModels = {}
        self._changed = threading.Condition(threading.RLock())
        self._reloading = threading.Lock()
        self._wants_scan = False
        self._is_stopped = False
        self._loaders = ThreadPoolExecutor(options.num_load_threads, "version-load")
        self._thread = threading.Thread(
            target=self._follow, name="model-manager", daemon=True
        )

    def start(self, models: Iterable[ModelConfig]) -> None:
        """Serves these models; returns when each has a first answer or no version.

        Raises:
            ServingError: FAILED_PRECONDITION: a label names a version that does not
                serve, which at first is any.
        """
        self._configure(models)
        self._thread.start()
        self._wait_until_settled()

    def stop(self) -> None:
        """Follows no base path any more; what is loaded stays usable."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        self._loaders.shutdown(wait=False, cancel_futures=True)

    def servable(self, spec: ModelSpec) -> Servable:
        """Returns an available version; see core.Backend."""
        return find_servable(self._served, spec)

    def status(self, spec: ModelSpec) -> list[VersionStatus]:
        """Returns the states of a model's versions; see core.Backend."""
        version = version_of(self._served, spec)
        with self._changed:
            model = self._models.get(spec.name)
            found = [
                record.status
                for number, record in sorted(
                    model.records.items() if model else (), reverse=True
                )
                if version in (None, number)
            ]
        if not found and version is not None:
            raise ServingError(
                Code.NOT_FOUND,
                f"Could not find version {version} of model {spec.name}",
            )
        if not found:
            raise ServingError(
                Code.NOT_FOUND, f"Could not find any versions of model {spec.name}"
            )
        return found

    def reload_config(self, config: Any) -> None:
        """Takes over a ModelServerConfig message; see core.Backend."""
        self.reload_models(models_of(config))

    def reload_models(self, models: Iterable[ModelConfig]) -> None:
        """Serves these models instead; waits until the new ones have a first answer.

        Raises:
            ServingError: UNKNOWN: a new model has no version that serves; the others
                are taken over. FAILED_PRECONDITION: as in `start`.
        """
        with self._reloading:
            known = {name for name, model in self._models.items() if model.config}
            self._configure(models)
            self._wait_until_settled()
            with self._changed:
                missing = sorted(
                    name
                    for name, model in self._models.items()
                    if model.config and name not in known and not model.available
                )
        if missing:
            raise ServingError(
                Code.UNKNOWN,
                f"Some models did not become available: {{{', '.join(missing)}}}",
            )

    @property
    def is_ready(self) -> bool:
        """Whether every configured model has a version that serves."""
        with self._changed:
            return all(
                model.available for model in self._models.values() if model.config
            )

    def _configure(self, models: Iterable[ModelConfig]) -> None:
        with self._changed:
            configs = list(models)
            labels = {
                config.name: checked_labels(
                    config,
                    self._models.get(config.name),
                    may_be_unavailable=self._options.labels_unavailable,
                )
                for config in configs
            }
            for name, model in self._models.items():
                model.config = None
                model.was_scanned = True
                model.labels = labels.get(name, {})
            for config in configs:
                model = self._models.setdefault(
                    config.name, ModelVersions(name=config.name, config=None)
                )
                model.config = config
                model.labels = labels[config.name]
                model.was_scanned = False
            self._publish()
            self._wants_scan = self._options.poll_wait_s >= 0
            self._changed.notify_all()

    def _wait_until_settled(self) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_stopped
                    or self._options.poll_wait_s < 0
                    or all(model.is_settled for model in self._models.values())
                )
            )

    def _follow(self) -> None:
        """Runs in the manager's thread until the end."""
        next_scan_s = 0.0
        while not self._is_stopped:
            with self._changed:
                poll_s = self._options.poll_wait_s
                if self._wants_scan or (poll_s > 0 and time.monotonic() >= next_scan_s):
                    self._wants_scan = False
                    next_scan_s = time.monotonic() + poll_s
                    self._scan()
                self._act()
                self._changed.notify_all()
                self._changed.wait(min(poll_s, _TICK_S) if poll_s > 0 else _TICK_S)

    def _scan(self) -> None:
        for model in self._models.values():
            try:
                model.scan()
            except Exception:  # noqa: BLE001 - the thread must live
                _LOG.exception("the base path of %s was not read", model.name)

    def _act(self) -> None:
        has_changed = False
        for model in self._models.values():
            for record in model.due_loads():
                self._loaders.submit(self._load_version, model, record)
            for record in model.due_unloads():
                self._unload(model, record)
                has_changed = True
        if has_changed:
            self._publish()

    def _load_version(self, model: ModelVersions, record: VersionRecord) -> None:
        """Runs in a loader's thread."""
        _LOG.info("Loading servable version %s/%d", model.name, record.version)
        try:
            servable = self._load(model.name, record.version, record.path)
        except ServingError as error:
            self._on_failed(model, record, error)
        except Exception as error:  # noqa: BLE001 - a broken version is not the loader
            _LOG.exception("%s/%d was not loaded", model.name, record.version)
            self._on_failed(
                model,
                record,
                ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}"),
            )
        else:
            with self._changed:
                record.on_loaded(servable)
                self._publish()
                self._changed.notify_all()
            _LOG.info("Serving servable version %s/%d", model.name, record.version)

    def _on_failed(
        self, model: ModelVersions, record: VersionRecord, error: ServingError
    ) -> None:
        with self._changed:
            is_last = record.num_failures >= self._options.max_num_load_retries
            is_final = is_last or isinstance(error, VersionRefusedError)
            retry_s = None if is_final else self._options.load_retry_interval_s
            record.on_failed(error, retry_s)
            self._changed.notify_all()
        then = (
            "not tried again until its files change"
            if retry_s is None
            else f"tried again in {retry_s:g} s"
        )
        _LOG.error(
            "Servable version %s/%d is not served: %s; %s",
            model.name,
            record.version,
            error.message,
            then,
        )

    def _unload(self, model: ModelVersions, record: VersionRecord) -> None:
        """Lets go of a version; it ends when its last request is answered."""
        _LOG.info("Unloading servable version %s/%d", model.name, record.version)

        def ended() -> None:
            with self._changed:
                record.state = END
                self._changed.notify_all()

        record.state = UNLOADING
        if record.servable is not None:
            record.servable.on_close(ended)
        record.servable = None

    def _publish(self) -> None:
        """Shows requests what serves now."""
        self._served = served_models(self._models.values())
