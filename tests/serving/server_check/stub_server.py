"""A model server that looks its answers up in the golden batch, and goes wrong at will.

    python stub_server.py MODE FLAG…

It needs no TensorFlow, so it serves within half a second. MODE is "sound", or
what goes wrong.
"""

import json
import math
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from serving.client.tensor_proto import fill_tensor, tensor_array
from serving.client.wire_messages import new_message, parse_message
from tests.serving.server_check import tf_serving_flags

INPUTS = {"miles": "DT_FLOAT", "month": "DT_FLOAT", "carrier": "DT_STRING"}
OUTPUTS = {"label": "DT_STRING", "probability": "DT_FLOAT"}
# More requests than the golden batch and the timings make, 4 and at most 280.
UNDER_LOAD = 300
NUMBERS = {"DT_FLOAT": 1, "DT_STRING": 7}


class Model:
    """The golden batch as a table; a mode bends what comes out of it."""

    def __init__(self, version_dir, mode):
        document = json.loads(
            (version_dir / "assets.extra/golden_batch.json").read_text()
        )
        self.mode = mode
        self.num_predicts = 0
        self.was_busy = False
        self.answers = {}
        for place, row in enumerate(document["rows"]):
            raw = dict(zip(document["raw_features"], row["raw"], strict=True))
            self.answers[key(raw)] = (place, *row["outputs"])

    def predict(self, rows, over):
        self.num_predicts += 1
        if self.mode == "killed under load" and self.num_predicts > UNDER_LOAD:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "slow":
            time.sleep(3)
        answers = [self.answers[key(row)] for row in rows]
        places = np.array([place for place, *_ in answers])
        labels = [label.encode() for _, label, _ in answers]
        probability = np.array([value for *_, value in answers], np.float32)
        probability[self.is_off(places, over)] += np.float32(1e-3)
        if self.mode == "nan":
            probability[places == 5] = math.nan
        if self.mode == "one bit over REST" and over == "REST":
            second = probability[places == 2]
            probability[places == 2] = np.nextafter(second, np.float32(1))
        if self.mode == "no label":
            return {"probability": probability}
        return {"label": np.array(labels, object), "probability": probability}

    def is_off(self, places, over):
        """Which rows are answered with another probability."""
        is_late = self.num_predicts > UNDER_LOAD
        return {
            "wrong": places == 3,
            "wrong over REST": (places == 4) & (over == "REST"),
            "wrong for one row alone": places >= (0 if len(places) == 1 else 99),
            f"wrong under load over {over}": places >= (0 if is_late else 99),
        }.get(self.mode, places > 99)


def key(row):
    """What a row is known by: its float32 bits and its text."""
    return tuple(
        (row[name] or "")
        if name == "carrier"
        else np.float32(math.nan if row[name] is None else row[name]).tobytes()
        for name in INPUTS
    )


def rest_handler(model, name):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path == f"/v1/models/{name}":
                self.answer(200, status(model.mode))
            elif self.path == f"/v1/models/{name}/metadata":
                self.answer(200, metadata_json(name, model.mode))
            else:
                self.answer(404, {"error": f"Malformed request: GET {self.path}"})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if model.mode == "busy once" and not model.was_busy:
                model.was_busy = True
                self.answer(503, {"error": "another time"})
            else:
                self.answer(200, predict_over_rest(model, body))

        def answer(self, code, document):
            body = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def predict_over_rest(model, body):
    is_columnar = "inputs" in body
    rows = rows_of(body["inputs"]) if is_columnar else body["instances"]
    columns = {
        name: [v.decode() if isinstance(v, bytes) else float(str(v)) for v in values]
        for name, values in model.predict(rows, "REST").items()
    }
    if len(columns) == 1:
        (found,) = columns.values()
    else:
        found = columns if is_columnar else rows_of(columns)
    return {"outputs" if is_columnar else "predictions": found}


def rows_of(columns):
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*columns.values(), strict=True)
    ]


def status(mode):
    problem = "the graph has no variable dense/kernel" if mode == "refuses" else ""
    return {
        "model_version_status": [
            {
                "version": "1",
                "state": "END" if problem else "AVAILABLE",
                "status": {
                    "error_code": "NOT_FOUND" if problem else "OK",
                    "error_message": problem,
                },
            }
        ]
    }


def signatures(mode):
    outputs = dict(OUTPUTS)
    if mode == "no label":
        del outputs["label"]
    return {
        "serving_default": (INPUTS, outputs),
        "serving_examples": ({"examples": "DT_STRING"}, outputs),
    }


def metadata_json(name, mode):
    def tensors(found):
        return {
            key: {
                "dtype": dtype,
                "tensor_shape": {"dim": [{"size": "-1"}], "unknown_rank": False},
            }
            for key, dtype in found.items()
        }

    return {
        "model_spec": {"name": name, "signature_name": "", "version": "1"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    signature: {
                        "inputs": tensors(inputs),
                        "outputs": tensors(outputs),
                        "method_name": "tensorflow/serving/predict",
                    }
                    for signature, (inputs, outputs) in signatures(mode).items()
                }
            }
        },
    }


def predict_over_grpc(model, content):
    request = parse_message("PredictRequest", content)
    if request.model_spec.signature_name == "serving_examples":
        texts = tensor_array(request.inputs["examples"])
        rows = [row_of(parse_message("Example", text)) for text in texts]
    else:
        columns = {name: tensor_array(request.inputs[name]).tolist() for name in INPUTS}
        columns["carrier"] = [value.decode() for value in columns["carrier"]]
        rows = rows_of(columns)
    response = new_message("PredictResponse")
    response.model_spec.version.value = 1
    for name, values in model.predict(rows, "gRPC").items():
        fill_tensor(response.outputs[name], values)
    return response.SerializeToString()


def row_of(example):
    features = example.features.feature
    found = dict.fromkeys(INPUTS)
    for name, field in (
        ("miles", "float_list"),
        ("month", "int64_list"),
        ("carrier", "bytes_list"),
    ):
        if name in features:
            (found[name],) = getattr(features[name], field).value
    if found["carrier"] is not None:
        found["carrier"] = found["carrier"].decode()
    return found


def metadata_over_grpc(mode):
    held = new_message("SignatureDefMap")
    for name, sides in signatures(mode).items():
        definition = held.signature_def[name]
        for tensors, found in zip(
            (definition.inputs, definition.outputs), sides, strict=True
        ):
            for tensor, dtype in found.items():
                tensors[tensor].dtype = NUMBERS[dtype]
                tensors[tensor].tensor_shape.dim.add(size=-1)
    response = new_message("GetModelMetadataResponse")
    response.model_spec.version.value = 1
    response.metadata["signature_def"].value = held.SerializeToString()
    return response.SerializeToString()


def serve(flags, mode):
    version_dir = Path(flags["model_base_path"]) / "1"
    model = Model(version_dir, mode)
    handlers = {
        "Predict": lambda content, _: predict_over_grpc(model, content),
        "GetModelMetadata": lambda _, __: metadata_over_grpc(mode),
    }
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "tensorflow.serving.PredictionService",
                {
                    name: grpc.unary_unary_rpc_method_handler(handler)
                    for name, handler in handlers.items()
                },
            )
        ]
    )
    server.add_insecure_port(f"127.0.0.1:{flags['port']}")
    server.start()
    handler = rest_handler(model, flags["model_name"])
    rest = ThreadingHTTPServer(("127.0.0.1", int(flags["rest_api_port"])), handler)
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Thread(target=rest.shutdown).start()
    )
    rest.serve_forever()


def main(mode, *arguments):
    flags = tf_serving_flags.parse(arguments)
    if mode == "dies":
        raise SystemExit("E: the disk is full")
    if mode == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.stdout.write("deaf\n")
        sys.stdout.flush()
        time.sleep(600)
    serve(flags, mode)


if __name__ == "__main__":
    main(*sys.argv[1:])
