"""What a server says of its model's signatures, and the contract where it lies near.

The log needs dtypes, which JSON does not have; a server tells them over REST. With the
model's folder at hand the contract says more: whole numbers, tf.Examples' features.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from serving.bundle.contract import Contract, read_contract
from serving.bundle.errors import BundleRefusedError
from serving.client.errors import ServingClientError
from serving.client.model_info import ModelMetadata, SignatureInfo
from serving.client.rest_client import RestClient
from serving.prediction_log.logged_request import LoggedModel
from serving.versions.model_folder import HELD

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 5.0
_ASK_AGAIN_S = 5.0
"""How long a server that did not tell is not asked again: predictions would wait."""
_UNTOLD_S = 1.0
"""How long the version of a server that tells none is taken to stay."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ServedModel:
    """One version at one server.

    Attributes:
        logged: For the log.
        signatures: By name.
    """

    logged: LoggedModel
    signatures: dict[str, SignatureInfo]


class ServedModels:
    """The versions that answers came from; blocks, so not for an event loop."""

    def __init__(self, model: str, model_dir: Path | None) -> None:
        """Asks nobody yet.

        Args:
            model: Its name.
            model_dir: Of its versions; None: not at hand.
        """
        self._model = model
        self._model_dir = model_dir
        self._known: dict[tuple[str, int, str], ServedModel] = {}
        self._newest: dict[str, tuple[float, ServedModel]] = {}
        self._refused: dict[tuple[str, int | None], tuple[float, ServingClientError]]
        self._refused = {}

    def find(self, url: str, version: str, bundle_digest: str) -> ServedModel:
        """Returns what is known of the version that gave an answer.

        Args:
            url: The server's REST side.
            version: As the answer tells; "": it does not, and the version is that
                which the server serves now.
            bundle_digest: Likewise; "": none.

        Raises:
            serving.client.errors.ServingClientError: The server does not tell.
        """
        if version.isdecimal():
            return self._version(url, int(version), bundle_digest)
        until_s, found = self._newest.get(url, (0.0, None))
        if found is None or time.monotonic() > until_s:
            found = self._version(url, None, bundle_digest)
            self._newest[url] = (time.monotonic() + _UNTOLD_S, found)
        return found

    def _version(
        self, url: str, version: int | None, bundle_digest: str
    ) -> ServedModel:
        key = (url, version, bundle_digest) if version is not None else None
        if key is not None and key in self._known:
            return self._known[key]
        metadata = self._metadata(url, version)
        key = (url, metadata.version, bundle_digest)
        if key not in self._known:
            logged = LoggedModel(
                name=self._model,
                version=metadata.version,
                bundle_digest=bundle_digest,
                contract=self._contract(metadata.version, bundle_digest),
            )
            self._known[key] = ServedModel(
                logged=logged, signatures=dict(metadata.signatures)
            )
        return self._known[key]

    def _metadata(self, url: str, version: int | None) -> ModelMetadata:
        until_s, refusal = self._refused.get((url, version), (0.0, None))
        if refusal is not None and time.monotonic() < until_s:
            raise refusal
        try:
            with RestClient(
                url, self._model, version=version, timeout_s=_TIMEOUT_S
            ) as client:
                return client.metadata()
        except ServingClientError as error:
            again_s = time.monotonic() + _ASK_AGAIN_S
            self._refused[url, version] = (again_s, error)
            raise

    def _contract(self, version: int, bundle_digest: str) -> Contract | None:
        """Returns the contract of a version; None: it is not at hand."""
        if self._model_dir is None:
            return None
        for folder in (self._model_dir, self._model_dir / HELD):
            try:
                sealed = read_contract(folder / str(version))
            except (BundleRefusedError, OSError):
                continue
            if bundle_digest in ("", sealed.digest):
                return sealed.contract
        _LOG.warning(
            "%s holds no contract of version %d as it is served; its columns are typed "
            "as the server's signatures are.",
            self._model_dir,
            version,
        )
        return None
