"""A loaded version: what it loads, what it answers, what it refuses."""

import asyncio
import dataclasses
import gc
import shutil
import threading

import numpy as np
import pytest

from serving.bundle.contract import read_contract
from serving.server.batching_parameters import MICRO_BATCHING, TF_SERVING_BATCHING
from serving.server.graph_session import GraphSession
from serving.server.saved_model import SavedModelServable
from serving.server.status import Code, ServingError
from tests.serving.server import small_models


@pytest.fixture
def load(runtime):
    def make(path, **options):
        return SavedModelServable("m", 1, GraphSession(path), runtime, **options)

    return make


def ask(servable, signature="serving_default", outputs=(), **inputs):
    return asyncio.run(servable.run(signature, inputs, outputs))


def floats(*values):
    return np.array(values, np.float32)


def test_model_of_tensorflow_1_answers(load, linear_model):
    assert ask(load(linear_model), x=floats(1, 2))["y"].tolist() == [2.5, 3.0]


def test_static_shapes_are_not_checked_as_in_tf_serving(load, half_plus_two):
    found = ask(load(half_plus_two), x=floats(1, 2))
    assert found["y"].tolist() == [2.5, 3.0]


def test_table_from_an_asset_is_filled_by_the_init_op(load, tmp_path):
    model = small_models.write_table(tmp_path / "t" / "1", ["a", "b"])
    moved = shutil.move(model, tmp_path / "elsewhere")
    found = ask(load(moved), word=np.array([b"b", b"z"], object))
    assert found["place"].tolist() == [1, -1]


def test_control_flow_of_tensorflow_1_falls_back_to_the_usual_executor(load, tmp_path):
    servable = load(small_models.write_loop(tmp_path / "1"))
    assert ask(servable, x=floats(1))["y"].tolist() == [8]


def test_bundle_of_tensorflow_2_answers_every_signature(load, built_tiny_bundle):
    servable = load(built_tiny_bundle)
    assert set(servable.signatures) == {
        "serving_default",
        "serving_examples",
        "transform_features",
    }
    found = ask(
        servable,
        miles=floats(100),
        month=floats(np.nan),
        carrier=np.array([b"UA"], object),
    )
    assert found["label"].tolist() in ([b"late"], [b"on_time"])


def test_signatures_name_dtypes_shapes_and_tensors(load, half_plus_two):
    classify = load(half_plus_two).signatures["classify"]
    assert classify.method_name == "tensorflow/serving/classify"
    assert classify.inputs["inputs"].dtype == np.dtype(object)
    assert classify.inputs["inputs"].shape == (-1,)
    assert list(classify.outputs) == ["classes", "scores"]
    assert classify.outputs["scores"].tf_dtype == 1


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0]),
        np.array([1], np.int32),
        np.array([b"1"], object),
        np.array(["1"]),
    ],
)
def test_wrong_dtype_is_refused_before_the_graph_sees_it(load, linear_model, values):
    # The single-threaded executor would end the process.
    with pytest.raises(
        ServingError, match=r"input 'x' came as .*expected float32"
    ) as error:
        ask(load(linear_model), x=values)
    assert error.value.code is Code.INVALID_ARGUMENT


def test_fixed_width_text_is_taken_for_text(load, odd_model):
    found = ask(load(odd_model), "pair", words=np.array([["a", "b"]]), x=floats(1))
    assert found["joined"].tolist() == [b"ab"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, ("input size does not match signature: 0!=1 len({}) != len({x}). Sent "
             "extra: {}. Missing but required: {x}.")),
        ({"x": floats(1), "z": floats(1)}, ("2!=1 len({x,z}) != len({x}). Sent extra: "
             "{z}. Missing but required: {}.")),
        ({"z": floats(1)}, ("input tensor alias not found in signature: z. Inputs "
             "expected to be in the set {x}.")),
    ],
)  # fmt: skip
def test_missing_and_unknown_inputs_are_refused(load, linear_model, inputs, words):
    with pytest.raises(ServingError) as error:
        ask(load(linear_model), **inputs)
    assert error.value.code is Code.INVALID_ARGUMENT
    assert words in error.value.message


def test_outputs_are_filtered_in_the_order_asked_for(load, odd_model):
    servable = load(odd_model)
    found = ask(servable, "two", ("triple", "double"), x=floats(1))
    assert list(found) == ["triple", "double"]
    assert list(ask(servable, "two", ("triple",), x=floats(1))) == ["triple"]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (("z",), ("output tensor alias not found in signature: z Outputs expected to "
                 "be in the set {double,triple}.")),
        (("double", "double"), "duplicate output tensor alias: double"),
    ],
)  # fmt: skip
def test_unknown_and_doubled_outputs_are_refused(load, odd_model, outputs, words):
    with pytest.raises(ServingError) as error:
        ask(load(odd_model), "two", outputs, x=floats(1))
    assert error.value.message == words


def test_unknown_signature_is_refused(load, linear_model):
    with pytest.raises(ServingError) as error:
        ask(load(linear_model), "nope", x=floats(1))
    assert error.value.code is Code.FAILED_PRECONDITION
    assert error.value.message == 'Serving signature key "nope" not found.'


def test_error_of_the_graph_is_the_requests_with_the_telling_line(load, odd_model):
    with pytest.raises(ServingError) as error:
        ask(load(odd_model), "picky", x=floats(np.nan))
    assert error.value.code is Code.INVALID_ARGUMENT
    assert "a row holds no number" in error.value.message
    assert "\n" not in error.value.message


def test_signature_that_cannot_run_leaves_the_others_alone(load, odd_model):
    servable = load(odd_model)
    with pytest.raises(ServingError, match="both fed and fetched") as error:
        ask(servable, "echo", x=floats(1))
    assert error.value.code is Code.INVALID_ARGUMENT
    assert ask(servable, "sum", x=floats(1, 2))["sum"] == 3


def many(servable, signature, inputs):
    async def run():
        asked = [servable.run(signature, {"x": values}) for values in inputs]
        return await asyncio.gather(*asked)

    return asyncio.run(run())


def test_output_without_rows_is_not_batched(load, odd_model):
    found = many(load(odd_model), "sum", [floats(1, number) for number in range(50)])
    assert [float(answer["sum"]) for answer in found] == [1 + n for n in range(50)]


def test_input_without_rows_answers(load, odd_model):
    found = ask(load(odd_model), "scalar", one=np.array(1, np.float32))
    assert found["y"] == 2


def test_signature_that_nothing_was_shown_of_is_not_batched(load, odd_model):
    requests = [floats(number, 0) for number in range(50)]
    found = many(load(odd_model), "centered", requests)
    assert [answer["y"].tolist() for answer in found] == [
        [n / 2, -n / 2] for n in range(50)
    ]


def test_signature_said_to_be_row_wise_shares_calls(load, odd_model):
    """It is not, so that sharing shows: the mean is of more than one request."""
    servable = load(odd_model)
    servable.set_row_wise("centered", is_row_wise=True)
    found = many(servable, "centered", [floats(number, 0) for number in range(50)])
    assert [answer["y"].tolist() for answer in found] != [
        [n / 2, -n / 2] for n in range(50)
    ]


def test_signature_marked_to_run_alone_is_not_batched(load, odd_model):
    servable = load(odd_model)
    servable.set_row_wise("centered", is_row_wise=False)
    found = many(servable, "centered", [floats(number, 0) for number in range(50)])
    assert [answer["y"].tolist() for answer in found] == [
        [n / 2, -n / 2] for n in range(50)
    ]


def test_inputs_of_different_rows_are_the_graphs_business_without_a_contract(
    load, odd_model
):
    words = np.array([[b"a"], [b"b"]], object)
    found = ask(load(odd_model), "pair", words=words, x=floats(1))
    assert found["joined"].tolist() == [b"a", b"b"]


@pytest.mark.parametrize(
    ("month", "words"),
    [
        (floats(1, 2), "input 'month' came with 2 rows and input 'miles' with 1"),
        (floats([1]).reshape(1, 1), "input 'month' came with the shape [1, 1]"),
    ],
)
def test_contract_forbids_shapes_that_it_does_not_name(
    load, built_tiny_bundle, month, words
):
    servable = load(built_tiny_bundle, sealed=read_contract(built_tiny_bundle))
    carrier = np.array([b"UA"], object)
    with pytest.raises(ServingError) as error:
        ask(servable, carrier=carrier, miles=floats(1), month=month)
    assert error.value.code is Code.INVALID_ARGUMENT
    assert words.replace("'miles'", "'carrier'") in error.value.message


def test_inputs_that_may_be_missing_are_the_contracts_features(load, built_tiny_bundle):
    servable = load(built_tiny_bundle, sealed=read_contract(built_tiny_bundle))
    assert servable.nullable_inputs("serving_default") == {"miles", "month", "carrier"}
    assert servable.nullable_inputs("serving_examples") == set()
    assert load(built_tiny_bundle).nullable_inputs("serving_default") == set()


def test_version_closes_when_its_last_request_is_answered(load, linear_model):
    closed = threading.Event()
    servable = load(linear_model)
    servable.on_close(closed.set)

    async def ask_and_let_go(servable):
        asked = asyncio.ensure_future(servable.run("serving_default", {"x": floats(1)}))
        await asyncio.sleep(0)
        del servable
        gc.collect()
        was_open = not closed.is_set()
        return was_open, (await asked)["y"].tolist()

    holder = [servable]
    del servable
    assert asyncio.run(ask_and_let_go(holder.pop())) == (True, [2.5])
    gc.collect()
    assert closed.wait(10)


def test_many_sets_of_outputs_share_a_few_callables(load, odd_model, monkeypatch):
    monkeypatch.setattr("serving.server.saved_model._MAX_OUTPUT_SETS", 0)
    found = ask(load(odd_model), "two", ("triple",), x=floats(1))
    assert {name: values.tolist() for name, values in found.items()} == {"triple": [3]}


@pytest.mark.parametrize("damage", ["saved_model.pb", "variables/variables.index"])
def test_model_that_cannot_be_loaded_says_why(linear_model, tmp_path, damage):
    copy = shutil.copytree(linear_model, tmp_path / "1")
    (copy / damage).write_bytes(b"nonsense")
    with pytest.raises(ServingError) as error:
        GraphSession(copy)
    assert error.value.message
    assert "\n" not in error.value.message


def test_graph_without_loops_may_run_on_the_event_loop(linear_model, tmp_path):
    assert GraphSession(linear_model).ends_surely
    assert not GraphSession(small_models.write_loop(tmp_path / "1")).ends_surely


def test_loop_inside_a_function_is_found(tmp_path):
    import tensorflow as tf

    class Doubling(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def double(self, x):
            [y] = tf.while_loop(
                lambda y: tf.reduce_any(y < 100), lambda y: [y * 2], [x]
            )
            return {"y": y}

    model = Doubling()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures=model.double)
    assert not GraphSession(tmp_path / "1").ends_surely


def test_what_the_warm_up_called_is_not_made_again(linear_model, runtime):
    graph = GraphSession(linear_model)
    made = []
    make = graph.callable_for
    graph.callable_for = lambda *facts: made.append(facts) or make(*facts)
    servable = SavedModelServable("m", 1, graph, runtime)
    ask(servable, x=floats(1))
    servable.set_row_wise("serving_default", is_row_wise=True)
    assert ask(servable, x=floats(2))["y"].tolist() == [3.0]
    assert len(made) == 1


def test_requests_are_handed_over_as_one_only_where_rows_are_independent(
    load, linear_model, runtime
):
    servable = load(linear_model)
    assert servable.shared_rows("serving_default") == 0
    servable.set_row_wise("serving_default", is_row_wise=True)
    assert servable.shared_rows("serving_default") == MICRO_BATCHING.max_batch_size
    assert servable.shared_rows("no such signature") == 0
    asyncio.run(servable.run("serving_default", {"x": floats(1, 2)}, num_requests=2))
    labels = ("m", "Predict", "TF1")
    assert runtime.metrics.runtime_latency.count(labels) == 2
    servable.set_row_wise("serving_default", is_row_wise=False)
    assert servable.shared_rows("serving_default") == 0


def test_the_operators_batching_counts_every_request(linear_model, runtime):
    own = dataclasses.replace(runtime, batching=TF_SERVING_BATCHING)
    servable = SavedModelServable("m", 1, GraphSession(linear_model), own)
    servable.set_row_wise("serving_default", is_row_wise=True)
    assert servable.shared_rows("serving_default") == 0
