"""SavedModels of a few operations, written as TensorFlow 1 and 2 write them."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from serving.bundle import layout

v1 = tf.compat.v1
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


def write_v1(folder: Path, build, main_op=None) -> Path:
    """Writes a graph of TensorFlow 1.

    Args:
        folder: The version's; must not exist.
        build: Builds the graph; returns signature name to (inputs, outputs, method).
        main_op: Builds the operation that runs after loading.
    """
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        signatures = {
            name: v1.saved_model.build_signature_def(
                {key: v1.saved_model.build_tensor_info(t) for key, t in inputs.items()},
                {
                    key: v1.saved_model.build_tensor_info(t)
                    for key, t in outputs.items()
                },
                method,
            )
            for name, (inputs, outputs, method) in build().items()
        }
        operation = main_op() if main_op else None
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signatures,
            assets_collection=graph.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=operation,
        )
        builder.save()
    return folder


def write_linear(folder: Path, slope: float = 0.5, offset: float = 2.0) -> Path:
    """y = slope * x + offset for x float32 [rows]; TF Serving's half_plus_two."""

    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        y = x * v1.Variable(float(slope), name="slope") + v1.Variable(
            float(offset), name="offset"
        )
        return {"serving_default": ({"x": x}, {"y": tf.identity(y, "y")}, PREDICT)}

    return write_v1(folder, build)


def write_half_plus_two(folder: Path) -> Path:
    """Predict, Classify and Regress over a tf.Example with feature x."""

    def build():
        text = v1.placeholder(tf.string, [None], "tf_example")
        spec = {"x": tf.io.FixedLenFeature([1], tf.float32, [0.0])}
        x = v1.io.parse_example(text, spec)["x"]
        y = x * v1.Variable(0.5) + v1.Variable(2.0)
        labels = tf.as_string(y, precision=1)
        return {
            "serving_default": ({"x": x}, {"y": y}, PREDICT),
            "classify": (
                {"inputs": text},
                {"classes": labels, "scores": y},
                CLASSIFY,
            ),
            "regress": ({"inputs": text}, {"outputs": y}, REGRESS),
            "other_input": ({"inputs": labels}, {"outputs": y}, REGRESS),
        }

    return write_v1(folder, build)


def write_odd_signatures(folder: Path) -> Path:
    """Signatures that must not be batched, or that have several outputs."""

    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        words = v1.placeholder(tf.string, [None, None], "words")
        one = v1.placeholder(tf.float32, [], "one")
        return {
            "sum": ({"x": x}, {"sum": tf.reduce_sum(x)}, PREDICT),
            "centered": ({"x": x}, {"y": x - tf.reduce_mean(x)}, PREDICT),
            "scalar": ({"one": one}, {"y": one + 1.0}, PREDICT),
            "two": ({"x": x}, {"double": x * 2, "triple": x * 3}, PREDICT),
            "pair": (
                {"words": words, "x": x},
                {"joined": tf.strings.reduce_join(words, 1), "x": tf.identity(x)},
                PREDICT,
            ),
            "echo": ({"x": x}, {"x": x}, PREDICT),
            "picky": (
                {"x": x},
                {"y": tf.debugging.check_numerics(x, "a row holds no number")},
                PREDICT,
            ),
        }

    return write_v1(folder, build)


def write_loop(folder: Path) -> Path:
    """Control flow of TensorFlow 1, which the single-threaded executor refuses."""

    def build():
        v1.disable_control_flow_v2()
        x = v1.placeholder(tf.float32, [None], "x")
        _, y = v1.while_loop(
            lambda step, _: step < 3, lambda step, y: (step + 1, y * 2), [0, x]
        )
        return {"serving_default": ({"x": x}, {"y": y}, PREDICT)}

    return write_v1(folder, build)


def write_table(folder: Path, words: list[str]) -> Path:
    """A vocabulary in assets/ and a table that an init op fills."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    vocabulary = folder.parent / "words.txt"
    vocabulary.write_text("".join(f"{word}\n" for word in words))

    def build():
        asset = tf.constant(str(vocabulary))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                asset,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )
        word = v1.placeholder(tf.string, [None], "word")
        found = table.lookup(word)
        return {"serving_default": ({"word": word}, {"place": found}, PREDICT)}

    write_v1(folder, build, main_op=v1.tables_initializer)
    vocabulary.unlink()
    return folder


def write_warmup(folder: Path, logs) -> None:
    """Writes PredictionLog messages where a version's warm-up is looked for."""
    path = folder / layout.WARMUP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def predict_log(signature: str = "serving_default", **inputs):
    """Returns a recorded Predict request."""
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(
            tf.make_tensor_proto(np.asarray(values, np.float32))
        )
    return log
