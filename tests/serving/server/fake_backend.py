"""A Backend in this process whose models are numpy functions."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.server.core import (
    Arrays,
    ModelSpec,
    Signature,
    TensorInfo,
    VersionStatus,
)
from serving.server.status import Code, ServingError

_DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 7: object}
_DTYPES |= {9: np.int64, 10: bool, 22: np.uint32, 23: np.uint64}
FLOAT, DOUBLE, INT32, STRING, INT64, BOOL = 1, 2, 3, 7, 9, 10

Function = Callable[..., Arrays]


def tensor_info(name: str, tf_dtype: int) -> TensorInfo:
    return TensorInfo(
        name=name,
        dtype=np.dtype(_DTYPES.get(tf_dtype, object)),
        tf_dtype=tf_dtype,
        shape=None,
        tensor_name=f"{name}:0",
    )


def make_signature(
    inputs: Mapping[str, int],
    outputs: Mapping[str, int] | None = None,
    method: str = "predict",
    name: str = "serving_default",
) -> Signature:
    return Signature(
        name=name,
        method_name=f"tensorflow/serving/{method}",
        inputs={key: tensor_info(key, kind) for key, kind in inputs.items()},
        outputs={key: tensor_info(key, kind) for key, kind in (outputs or {}).items()},
    )


@dataclass(kw_only=True)
class FakeServable:
    name: str
    version: int
    signatures: Mapping[str, Signature]
    functions: Mapping[str, Function]
    bundle_digest: str | None = None
    signature_defs: Mapping[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0
    num_cancelled: int = 0
    num_answered: int = 0
    num_shared: int = 0
    batch_sizes: list[int] = field(default_factory=list)

    def shared_rows(self, _signature: str) -> int:
        return self.num_shared

    async def run(
        self,
        signature: str,
        inputs: Arrays,
        outputs: Sequence[str] = (),
        num_requests: int = 1,
    ) -> Arrays:
        self.batch_sizes.append(num_requests)
        try:
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.num_cancelled += 1
            raise
        answers = self.functions[signature](**inputs)
        self.num_answered += 1
        return {name: answers[name] for name in outputs or answers}


class FakeBackend:
    def __init__(self, *servables: FakeServable, labels: Mapping[str, int] = {}):
        self.servables = {(one.name, one.version): one for one in servables}
        self.labels = labels

    def servable(self, spec: ModelSpec) -> FakeServable:
        versions = [version for name, version in self.servables if name == spec.name]
        version = spec.version
        if spec.label is not None:
            if spec.label not in self.labels:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"Unrecognized servable version label: {spec.label}",
                )
            version = self.labels[spec.label]
        if version is None and versions:
            version = max(versions)
        if (spec.name, version) not in self.servables:
            words = f"Latest({spec.name})"
            if version is not None:
                words = f"Specific({spec.name}, {version})"
            raise ServingError(
                Code.NOT_FOUND, f"Servable not found for request: {words}"
            )
        return self.servables[spec.name, version]

    def status(self, spec: ModelSpec) -> list[VersionStatus]:
        versions = [version for name, version in self.servables if name == spec.name]
        if not versions:
            raise ServingError(
                Code.NOT_FOUND, f"Could not find any versions of model {spec.name}"
            )
        return [
            VersionStatus(version=version, state="AVAILABLE")
            for version in sorted(versions, reverse=True)
        ]

    def reload_config(self, config: Any) -> None:
        raise NotImplementedError


def half_plus_two(x: np.ndarray) -> Arrays:
    return {"y": (x * np.float32(0.5) + np.float32(2)).astype(np.float32)}


def half_plus_two_servable(version: int = 123, **fields: Any) -> FakeServable:
    """y = x / 2 + 2, with signatures to predict, classify and regress by row count."""

    def classify(inputs: np.ndarray) -> Arrays:
        rows = len(inputs)
        return {
            "classes": np.array([[b"a", b"b"]] * rows, object),
            "scores": np.array([[0.25, 0.75]] * rows, np.float32),
        }

    def regress(inputs: np.ndarray) -> Arrays:
        sizes = [[len(value)] for value in inputs]
        return {"outputs": np.array(sizes, np.float32)}

    signatures = {
        "serving_default": make_signature({"x": FLOAT}, {"y": FLOAT}),
        "classify": make_signature(
            {"inputs": STRING},
            {"classes": STRING, "scores": FLOAT},
            "classify",
            "classify",
        ),
        "regress": make_signature(
            {"inputs": STRING}, {"outputs": FLOAT}, "regress", "regress"
        ),
    }
    return FakeServable(
        name="half_plus_two",
        version=version,
        signatures=signatures,
        functions={
            "serving_default": half_plus_two,
            "classify": classify,
            "regress": regress,
        },
        **fields,
    )
