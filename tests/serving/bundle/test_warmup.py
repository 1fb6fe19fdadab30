"""tf_serving_warmup_requests: TF Serving's own format, and requests that work."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.bundle.layout import EXTRA, WARMUP
from serving.bundle.warmup import (
    MAX_RECORDS,
    WarmupRequest,
    read_warmup_file,
    warmup_requests,
    write_warmup_file,
)
from serving.session_model import SessionModel
from tests.serving.bundle.documents import KEPT


def records(bundle):
    return list(tf.data.TFRecordDataset(str(bundle / WARMUP)).as_numpy_iterator())


def test_file_is_what_tf_serving_reads(tiny_bundle):
    logs = [
        prediction_log_pb2.PredictionLog.FromString(r) for r in records(tiny_bundle)
    ]
    requests = [log.predict_log.request for log in logs]

    assert [request.model_spec.signature_name for request in requests] == [
        "serving_default",
        "serving_examples",
        "transform_features",
    ] * 2
    assert {request.model_spec.name for request in requests} == {"rides"}
    first = requests[0].inputs
    assert tf.make_ndarray(first["miles"]).tolist() == [np.float32(3.7)]
    assert tf.make_ndarray(first["carrier"]).tolist() == [b"UA"]
    assert len(tf.make_ndarray(requests[3].inputs["month"])) == 24


def test_every_request_can_be_replayed(tiny_bundle):
    model = SessionModel(str(tiny_bundle))
    for request in read_warmup_file(tiny_bundle):
        answer = model.call(request.signature, request.inputs)
        rows = len(next(iter(request.inputs.values())))
        assert {len(values) for values in answer.values()} == {rows}
    model.close()


def test_requests_come_back(tmp_path):
    features = read_contract(KEPT).contract.raw_features
    requests = warmup_requests(read_golden_batch(KEPT), features)
    write_warmup_file(tmp_path, "rides", requests)

    for sent, found in zip(requests, read_warmup_file(tmp_path), strict=True):
        assert found.signature == sent.signature
        assert sorted(found.inputs) == sorted(sent.inputs)
        for name, values in sent.inputs.items():
            np.testing.assert_array_equal(found.inputs[name], values)


def test_same_rows_write_the_same_bytes(tmp_path):
    requests = warmup_requests(
        read_golden_batch(KEPT), read_contract(KEPT).contract.raw_features
    )
    for folder in ("a", "b"):
        write_warmup_file(tmp_path / folder, "rides", requests)
    first, second = ((tmp_path / folder / WARMUP).read_bytes() for folder in ("a", "b"))
    assert first == second


@pytest.mark.parametrize(("count", "is_refused"), [(MAX_RECORDS, 0), (1001, 1)])
def test_more_than_tf_serving_takes_is_refused(tmp_path, count, is_refused):
    request = WarmupRequest(signature="s", inputs={"x": np.zeros(1, np.float32)})
    write_warmup_file(tmp_path, "rides", [request] * count)
    if is_refused:
        with pytest.raises(ValueError, match="more than 1000 records"):
            read_warmup_file(tmp_path)
    else:
        assert len(read_warmup_file(tmp_path)) == count


def test_another_kind_of_request_is_refused(tmp_path):
    (tmp_path / EXTRA).mkdir()
    log = prediction_log_pb2.PredictionLog()
    log.classify_log.request.model_spec.name = "rides"
    with tf.io.TFRecordWriter(str(tmp_path / WARMUP)) as writer:
        writer.write(log.SerializeToString())
    with pytest.raises(ValueError, match="holds a classify_log; expected predict_log"):
        read_warmup_file(tmp_path)
