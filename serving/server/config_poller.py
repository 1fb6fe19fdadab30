"""Follows --model_config_file: what is written there is served.

Source: tensorflow_serving/model_servers/server.cc, PollFilesystemAndReloadConfig.
"""

import logging
import threading
from pathlib import Path

from serving.server.model_config import read_model_config_file
from serving.server.model_manager import ModelManager
from serving.server.status import ServingError

_LOG = logging.getLogger(__name__)


class ConfigPoller:
    """Looks at the file in a thread; a file that cannot be used changes nothing."""

    def __init__(self, manager: ModelManager, path: Path, wait_s: float) -> None:
        """Remembers what the file holds now, which the manager serves already.

        Args:
            manager: Gets the new configurations.
            path: The file.
            wait_s: Seconds between two looks, > 0.
        """
        self._manager = manager
        self._path = path
        self._wait_s = wait_s
        self._served = self._content()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Starts to look."""
        threading.Thread(target=self._follow, name="config-poller", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread soon."""
        self._stopped.set()

    def _follow(self) -> None:
        while not self._stopped.wait(self._wait_s):
            content = self._content()
            if content == self._served:
                continue
            self._served = content
            try:
                self._manager.reload_models(read_model_config_file(self._path))
            except ServingError as error:
                _LOG.error("%s is not taken over: %s", self._path, error.message)
            except Exception:  # noqa: BLE001 - the file's next version may do
                _LOG.exception("%s is not taken over", self._path)

    def _content(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
