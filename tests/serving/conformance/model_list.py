"""The models a server is told to serve, changed by reload RPC and on disk."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests.serving.conformance.wire import TIMEOUT_S, Wire

_POLL_S = 0.05


def config_message(models: Iterable[Mapping[str, Any]]) -> Any:
    """Returns a ModelServerConfig.

    Args:
        models: name and base_path; may hold `latest` (a count), `specific` (versions),
            `all`, `labels` (label to version) and `platform`.
    """
    message = model_server_config_pb2.ModelServerConfig()
    message.model_config_list.SetInParent()
    for model in models:
        config = message.model_config_list.config.add(
            name=model["name"],
            base_path=model["base_path"],
            model_platform=model.get("platform", "tensorflow"),
        )
        policy = config.model_version_policy
        if "latest" in model:
            policy.latest.num_versions = model["latest"]
        if "specific" in model:
            policy.specific.versions.extend(model["specific"])
        if model.get("all"):
            policy.all.SetInParent()
        for label, version in model.get("labels", {}).items():
            config.version_labels[label] = version
    return message


def config_text(models: Iterable[Mapping[str, Any]]) -> str:
    """Returns the same as --model_config_file has it."""
    return str(text_format.MessageToString(config_message(models)))


def wait_until(is_so: Callable[[], Any], what: str) -> Any:
    """Polls until something holds; fails after a time-out."""
    end_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end_s:
        found = is_so()
        if found:
            return found
        time.sleep(_POLL_S)
    raise AssertionError(f"not within {TIMEOUT_S:g} s: {what}")


class ModelList:
    """What one server serves.

    Attributes:
        wire: To the server.
        root: Folder of the base paths.
        place: Copies a template to a folder.
    """

    def __init__(
        self,
        wire: Wire,
        root: Path,
        place: Callable[[str, Path], Path],
        models: Iterable[Mapping[str, Any]],
    ) -> None:
        """Takes over what the server was started with."""
        self.wire = wire
        self.root = root
        self.place = place
        self._models = {model["name"]: dict(model) for model in models}

    def put(self, model: str, template: str, version: str) -> Path:
        """Puts a version below {root}/{model}."""
        return self.place(template, self.root / model / version)

    def add(self, name: str, **config: Any) -> Any:
        """Serves one more model, or one otherwise; returns the RPC's status message.

        Raises:
            grpc.RpcError: It is refused; the list stays as it was.
        """
        base_path = config.pop("base_path", None) or str(self.root / name)
        model = {"name": name, "base_path": base_path, **config}
        models = self._models | {name: model}
        status = self.reload(models.values())
        self._models = models
        return status

    def declare(self, model: Mapping[str, Any]) -> None:
        """Takes a model into the list; the server hears of it with the next reload."""
        self._models[model["name"]] = dict(model)

    def remove(self, name: str) -> None:
        """Serves a model no more, and sends what the list then holds."""
        models = {key: model for key, model in self._models.items() if key != name}
        self.reload(models.values())
        self._models = models

    def reload(self, models: Iterable[Mapping[str, Any]]) -> Any:
        """Sends HandleReloadConfigRequest."""
        request = model_management_pb2.ReloadConfigRequest(
            config=config_message(models)
        )
        answer = self.wire.models.HandleReloadConfigRequest(request, timeout=TIMEOUT_S)
        return answer.status

    @property
    def models(self) -> list[dict[str, Any]]:
        """What is served, as `config_message` takes it."""
        return list(self._models.values())

    def await_available(self, model: str, *versions: int) -> None:
        """Waits until exactly these versions serve."""
        wait_until(
            lambda: self.wire.available(model) == set(versions),
            f"{model} serves {versions}; it has {self.wire.states(model)}",
        )

    def await_end(self, model: str, version: int) -> None:
        """Waits until a version has ended."""
        wait_until(
            lambda: self.wire.states(model).get(version) == "END",
            f"{model} {version} ends; it has {self.wire.states(model)}",
        )

    def offset(self, model: str, rest: str = "") -> float:
        """Returns what the version that answers adds to x / 2."""
        answer = self.wire.post(f"/v1/models/{model}{rest}:predict", '{"inputs":[[0]]}')
        assert answer.status == 200, answer.body
        (((offset,),),) = (answer.json["outputs"],)
        return float(offset)
