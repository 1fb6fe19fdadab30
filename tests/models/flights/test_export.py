"""The exported SavedModel: parity with Beam, equal signatures, the v1 loader."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from models.flights import features, trainer
from models.flights.model import PACKED_INPUTS, ModelHyperparameters, build_network
from tests.models.flights import rows as raw

pytestmark = pytest.mark.beam


def test_served_features_equal_those_that_beam_wrote(transformed, signatures, examples):
    served = signatures["transform_features"](examples=examples)
    written = transformed.columns
    assert set(served) == set(features.TRANSFORMED_FEATURE_KEYS)
    for key, values in served.items():
        np.testing.assert_array_equal(values.numpy(), written[key], err_msg=key)


def test_both_serving_signatures_answer_alike_to_the_last_bit(
    signatures, examples, flight_rows
):
    named = raw.named_tensors(flight_rows, features.FEATURE_KEYS)
    by_name = signatures["serving_default"](
        **{key: tf.constant(values) for key, values in named.items()}
    )
    by_example = signatures["serving_examples"](examples=examples)
    assert any(row["temp_f"] is None for row in flight_rows)
    assert set(by_name) == set(by_example) == {"probability", "label"}
    probabilities = [a["probability"].numpy().tobytes() for a in (by_name, by_example)]
    assert probabilities[0] == probabilities[1]
    assert by_name["label"].numpy().tolist() == by_example["label"].numpy().tolist()


def test_the_signatures_answer_what_the_network_does(transformed, signatures, examples):
    """Each feature is in the column of the matrix that the network has for it."""
    weights = signatures["loaded"].variables_
    network = build_network(
        trainer.vocabulary_size(transformed.graph), ModelHyperparameters(units=16)
    )
    for variable in network.trainable_variables:
        variable.assign(weights[variable.path])
    inputs = {
        name: np.stack([transformed.columns[key] for key in keys], axis=1)
        for name, keys in PACKED_INPUTS.items()
    }
    expected = network(inputs, training=False)
    served = signatures["serving_examples"](examples=examples)["probability"]
    np.testing.assert_allclose(served, expected[:, 0], rtol=1e-5)


def test_probability_and_label_agree(signatures, examples):
    answer = signatures["serving_examples"](examples=examples)
    probability = answer["probability"].numpy()
    assert probability.shape == examples.shape
    assert probability.dtype == np.float32
    assert ((probability >= 0) & (probability <= 1)).all()
    is_late = probability >= 0.5
    assert (answer["label"].numpy() == np.where(is_late, b"late", b"on_time")).all()


def test_named_inputs_are_one_tensor_for_each_feature(signatures):
    _, inputs = signatures["serving_default"].structured_input_signature
    assert set(inputs) == set(features.FEATURE_KEYS)
    for key, spec in inputs.items():
        is_text = key in {*features.VOCAB_FEATURE_KEYS} - {"day_of_week"}
        assert spec.shape.as_list() == [None], key
        assert spec.dtype == (tf.string if is_text else tf.float32), key


def test_a_row_of_nothing_gets_an_answer(signatures):
    nothing = dict.fromkeys(raw.UA_1545)
    named = raw.named_tensors([nothing], features.FEATURE_KEYS)
    by_name = signatures["serving_default"](
        **{key: tf.constant(values) for key, values in named.items()}
    )
    by_example = signatures["serving_examples"](examples=tf.constant([b""]))
    (probability,) = by_name["probability"].numpy()
    assert 0 < probability < 1
    assert by_example["probability"].numpy() == probability


def test_an_empty_batch_gets_an_empty_answer(signatures):
    answer = signatures["serving_examples"](examples=tf.constant([], tf.string))
    assert answer["probability"].shape == (0,)


def test_the_label_in_a_request_changes_nothing(signatures):
    with_label = tf.constant([raw.serialize({**raw.UA_1545, "is_late": 1})])
    without = tf.constant([raw.serialize(raw.UA_1545, without=("is_late",))])
    answers = [
        signatures["serving_examples"](examples=e)["probability"].numpy()
        for e in (with_label, without)
    ]
    assert answers[0] == answers[1]


# tf.saved_model.load accepts what TF Serving's loader does not; see models/export.py.
V1_LOADER = """
    import json, sys
    import tensorflow as tf

    model_dir, example_hex = sys.argv[1:]
    answers = {}
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], model_dir)
        for name in ("serving_examples", "transform_features", "serving_default"):
            signature = loaded.signature_def[name]
            if name == "serving_default":
                feeds = {
                    info.name: [b"" if info.dtype == tf.string else float("nan")]
                    for info in signature.inputs.values()
                }
            else:
                example = bytes.fromhex(example_hex)
                feeds = {signature.inputs["examples"].name: [example]}
            fetches = {key: info.name for key, info in signature.outputs.items()}
            values = session.run(fetches, feeds)
            answers[name] = {k: str(v.tolist()[0]) for k, v in values.items()}
    print(json.dumps(answers))
"""


def test_the_v1_loader_in_a_fresh_process_answers_all_signatures(exported, signatures):
    example = raw.serialize(raw.UA_1545, without=(features.LABEL_KEY,))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(V1_LOADER),
            str(exported / "model"),
            example.hex(),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    assert set(answers["transform_features"]) == set(features.TRANSFORMED_FEATURE_KEYS)
    here = signatures["serving_examples"](examples=tf.constant([example]))
    there = answers["serving_examples"]["probability"]
    assert float(there) == pytest.approx(here["probability"].numpy()[0], abs=1e-6)
    assert 0 < float(answers["serving_default"]["probability"]) < 1
