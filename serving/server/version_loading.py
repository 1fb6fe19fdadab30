"""Turns a version's folder into something that answers: check, load, warm up.

A folder with a contract is a bundle: all checks of `slipway verify` run before it is
loaded, and one that is refused is never served.
"""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from serving.bundle import layout
from serving.bundle.contract import SealedContract, read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.verify import verify_bundle
from serving.server.graph_session import GraphSession
from serving.server.saved_model import Runtime, SavedModelServable
from serving.server.status import Code, ServingError
from serving.server.warmup_replay import replay_warmup

_LOG = logging.getLogger(__name__)


class VersionRefusedError(ServingError):
    """The bundle's check says no: trying again is of no use until its files change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionLoader:
    """Loads versions.

    Attributes:
        runtime: Shared by all of them.
        is_verified: Whether bundles are checked first.
        is_warmed_up: Whether the warm-up requests are replayed.
        num_warmup_iterations: How often each.
        allow_other_tensorflow: Whether a bundle of another TensorFlow may pass.
        tags: Of the graph in the SavedModel.
    """

    runtime: Runtime
    is_verified: bool = True
    is_warmed_up: bool = True
    num_warmup_iterations: int = 1
    allow_other_tensorflow: bool = False
    tags: tuple[str, ...] = field(default=("serve",))

    def load(self, name: str, version: int, path: Path) -> SavedModelServable:
        """Returns the loaded version.

        Raises:
            VersionRefusedError: Its bundle is refused; guard and reason are in the
                message.
            ServingError: It cannot be loaded, or a warm-up request fails.
        """
        sealed = self._checked_contract(path) if _is_bundle(path) else None
        servable = SavedModelServable(
            name, version, GraphSession(path, self.tags), self.runtime, sealed
        )
        if self.is_warmed_up:
            self._warm_up(servable, path)
        return servable

    def _checked_contract(self, path: Path) -> SealedContract | None:
        if self.is_verified:
            found = verify_bundle(
                path, allow_other_tensorflow=self.allow_other_tensorflow
            )
            for warning in found.warnings:
                _LOG.warning("%s: %s", path, warning)
            if not found.is_ok:
                raise VersionRefusedError(
                    Code.FAILED_PRECONDITION,
                    f"bundle refused by {found.guard}: {found.reason}",
                )
        try:
            return read_contract(path)
        except BundleRefusedError as error:
            _LOG.warning("%s is served without its contract: %s", path, error)
            return None

    def _warm_up(self, servable: SavedModelServable, path: Path) -> None:
        if not (path / layout.WARMUP).is_file():
            return
        started = time.monotonic()
        status = "INTERNAL"
        try:
            replay_warmup(servable, path, self.num_warmup_iterations)
            status = "OK"
        except ServingError as error:
            status = error.code.name
            raise
        finally:
            took_s = time.monotonic() - started
            self.runtime.metrics.on_warmup(str(path), status, took_s)


def _is_bundle(path: Path) -> bool:
    return (path / layout.CONTRACT).exists()
