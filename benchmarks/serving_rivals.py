"""The ways to put a model behind HTTP that benchmarks.serving compares with.

    python -m benchmarks.serving_rivals fastapi|starlette BUNDLE PORT
    python -m benchmarks.serving_rivals limit BUNDLE BODIES

fastapi: what a notebook becomes: a handler that makes tensors of the request's rows and
calls `model.predict`. It is spared the preprocessing, which the SavedModel holds.
starlette: the same by somebody who knows: uvloop, httptools and orjson, a session
callable, one call a request, on the event loop.
limit: no server: the session callable alone, fed with ready arrays; prints JSON.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.contract import RawFeature, read_contract
from serving.server.graph_session import GraphSession

LIMIT_BATCHES = (1, 32, 64, 1024)
_SIGNATURE = "serving_default"
_LIMIT_S = 3.0


def main() -> None:
    """Runs one way; a server serves until it is killed."""
    way, bundle, rest = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if way == "limit":
        print_limit(bundle, Path(rest))
        return
    import uvicorn

    app = fastapi_app(bundle) if way == "fastapi" else starlette_app(bundle)
    uvicorn.run(app, host="127.0.0.1", port=int(rest), log_level="warning")


def fastapi_app(bundle: Path) -> Any:
    """Returns the notebook's server."""
    import keras
    import tensorflow as tf
    from fastapi import FastAPI

    features = read_contract(bundle).contract.raw_features
    loaded = tf.saved_model.load(str(bundle))

    class Signature(keras.layers.Layer):
        """The bundle's signature; keras.layers.TFSMLayer takes no named tensors."""

        def call(self, inputs: dict[str, object]) -> object:
            return loaded.signatures[_SIGNATURE](**inputs)

    places = {
        feature.name: keras.Input((), dtype=feature.dtype, name=feature.name)
        for feature in features
    }
    model = keras.Model(places, Signature()(places))
    app = FastAPI()

    @app.post("/predict")
    def predict(request: dict[str, list[dict[str, Any]]]) -> dict[str, list[Any]]:
        columns = named_columns(features, request["instances"])
        tensors = {name: tf.constant(column) for name, column in columns.items()}
        answers = model.predict(tensors, verbose=0)
        labels = [label.decode() for label in answers["label"]]
        return {
            "predictions": [
                {"label": label, "probability": float(probability)}
                for label, probability in zip(
                    labels, answers["probability"], strict=True
                )
            ]
        }

    return app


def starlette_app(bundle: Path) -> Any:
    """Returns the hand-tuned server."""
    import orjson
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    features = read_contract(bundle).contract.raw_features
    call, _ = session_callable(bundle)

    async def predict(request: Request) -> Response:
        rows = orjson.loads(await request.body())["instances"]
        columns = named_columns(features, rows)
        labels, probabilities = call(*[columns[name] for name in sorted(columns)])
        predictions = [
            {"label": label.decode(), "probability": float(probability)}
            for label, probability in zip(labels, probabilities, strict=True)
        ]
        return Response(
            orjson.dumps({"predictions": predictions}), media_type="application/json"
        )

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


def named_columns(
    features: Sequence[RawFeature], rows: Sequence[dict[str, Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Returns one array a feature; null is NaN or ""."""
    columns = {}
    for feature in features:
        values = [row[feature.name] for row in rows]
        if feature.dtype == "string":
            columns[feature.name] = np.array(
                [(value or "").encode() for value in values], object
            )
        else:
            columns[feature.name] = np.array(values, np.float32)
    return columns


def session_callable(bundle: Path) -> tuple[Any, GraphSession]:
    """Returns the fastest way to call the model from Python, and what must live."""
    graph = GraphSession(bundle)
    outputs = list(graph.signatures[_SIGNATURE].outputs)
    return graph.callable_for(_SIGNATURE, outputs), graph


def print_limit(bundle: Path, bodies: Path) -> None:
    """Prints rows a second by batch size as JSON."""
    features = read_contract(bundle).contract.raw_features
    call, _graph = session_callable(bundle)
    rows = [
        row
        for line in bodies.read_bytes().splitlines()
        for row in json.loads(line)["instances"]
    ]
    found = {}
    for size in LIMIT_BATCHES:
        chosen = [rows[place % len(rows)] for place in range(size)]
        columns = named_columns(features, chosen)
        ordered = [columns[name] for name in sorted(columns)]
        call(*ordered)
        calls, started = 0, time.perf_counter()
        while time.perf_counter() - started < _LIMIT_S:
            call(*ordered)
            calls += 1
        found[size] = calls * size / (time.perf_counter() - started)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
