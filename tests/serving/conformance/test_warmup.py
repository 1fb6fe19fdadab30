"""Warm-up: requests recorded beside a version are replayed before it serves.

Facts from TF Serving's servables/tensorflow/saved_model_warmup_test.cc and
saved_model_warmup_util.cc: assets.extra/tf_serving_warmup_requests holds at most 1,000
PredictionLogs as TFRecords, and one that fails fails the load.
"""

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.serving.conformance.wire import floats, predict_request, with_examples

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


def multi_inference():
    log = prediction_log_pb2.PredictionLog()
    request = log.multi_inference_log.request
    for signature, method in (
        ("regress_x_to_y", REGRESS),
        ("classify_x_to_y", CLASSIFY),
    ):
        task = request.tasks.add(method_name=method)
        task.model_spec.name = "any"
        task.model_spec.signature_name = signature
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(1.0)
    return log


def examples(kind):
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, f"{kind}_log").request
    with_examples(request, "any", f"{kind}_x_to_y", 1.0)
    return log


def predict(signature="", **inputs):
    log = prediction_log_pb2.PredictionLog()
    request = predict_request("any", signature=signature, **inputs)
    log.predict_log.request.CopyFrom(request)
    return log


def session_run():
    log = prediction_log_pb2.PredictionLog()
    log.session_run_log.SetInParent()
    return log


LOGS = {
    "predict": lambda: predict(x=floats(1.0, 2.0)),
    "classify": lambda: examples("classify"),
    "regress": lambda: examples("regress"),
    "multi_inference": multi_inference,
    "session_run": session_run,
    "unknown_signature": lambda: predict("nowhere", x=floats(1.0)),
    "wrong_input": lambda: predict(z=floats(1.0)),
}
KINDS = ("predict", "classify", "regress", "multi_inference")
GOOD = {
    **{kind: [kind] for kind in KINDS},
    "every-kind": list(KINDS),
    "no-records": [],
    "1000-records": ["regress"] * 1000,
}
BAD = {
    "session_run": (["session_run"], "UNIMPLEMENTED", "Unsupported log_type"),
    "unknown_signature": (["predict", "unknown_signature"], "FAILED_PRECONDITION", ""),
    "wrong_input": (["wrong_input"], "INVALID_ARGUMENT", ""),
    "1001-records": (["regress"] * 1001, "INVALID_ARGUMENT", "exceeds the maximum"),
    "unparsable": (b"\xff\xff no log", "INVALID_ARGUMENT", ""),
    "no-tfrecords": (None, "DATA_LOSS", ""),
}


def write_records(file, records):
    file.parent.mkdir()
    if records is None:
        file.write_bytes(b"this is no file of TFRecords, and long enough to be read")
        return
    with tf.io.TFRecordWriter(str(file)) as writer:
        if isinstance(records, bytes):
            writer.write(records)
            return
        for kind in records:
            writer.write(LOGS[kind]().SerializeToString())


@pytest.fixture(scope="module")
def warmed(changing):
    """One model for each file of records, all loaded by one reload."""
    cases = GOOD | {name: records for name, (records, _, _) in BAD.items()}
    for name, records in cases.items():
        folder = changing.put(f"warm.{name}", "half_2", "1")
        write_records(folder / "assets.extra" / "tf_serving_warmup_requests", records)
        base_path = str(changing.root / f"warm.{name}")
        changing.declare({"name": f"warm.{name}", "base_path": base_path})
    with pytest.raises(grpc.RpcError, match="did not become available"):
        changing.reload(changing.models)
    return changing


@pytest.mark.parametrize("name", GOOD)
def test_version_serves_after_its_warm_up(warmed, name):
    """saved_model_warmup_test.cc: PredictWarmupData, …, MixedWarmupData."""
    warmed.await_available(f"warm.{name}", 1)
    assert warmed.offset(f"warm.{name}") == 2.0
    metrics = warmed.wire.get("/metrics").body.decode()
    counted = [
        line
        for line in metrics.splitlines()
        if line.startswith(":tensorflow:serving:model_warmup_latency_count{")
        and f"/warm.{name}/1" in line
        and 'status="OK"' in line
    ]
    assert [line.rpartition(" ")[2] for line in counted] == ["1"]


@pytest.mark.parametrize("name", BAD)
def test_warm_up_that_fails_fails_the_load(warmed, name):
    """saved_model_warmup_test.cc: UnsupportedLogType, UnsupportedFileFormat, …"""
    _, code, words = BAD[name]
    warmed.await_end(f"warm.{name}", 1)
    answer = warmed.wire.get(f"/v1/models/warm.{name}")
    (found,) = answer.json["model_version_status"]
    assert found["status"]["error_code"] == code
    assert words in found["status"]["error_message"]


def test_version_without_a_file_is_not_warmed_up(changing):
    """saved_model_warmup_test.cc: NoWarmupDataFile."""
    metrics = changing.wire.get("/metrics").body.decode()
    assert changing.offset("first") == 2.0
    assert "/first/1" not in metrics
