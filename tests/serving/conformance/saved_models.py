"""SavedModels the suite makes itself, and how they are written to disk.

Graphs of TensorFlow 1, for these have Classify and Regress signatures, and exports of
TensorFlow 2. Their arithmetic is that of the models TF Serving tests itself with
(y = x / 2 + 2, y2 = x / 2 + 3, y3 = x2 / 2 + 3), so that its expected figures hold.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf

v1 = tf.compat.v1
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

Signature = tuple[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor], str]


def write_graph(
    folder: Path,
    build: Callable[[], Mapping[str, Signature]],
    *,
    tags: tuple[str, ...] = ("serve",),
    main_op: Callable[[], tf.Operation] | None = None,
) -> Path:
    """Writes a graph of TensorFlow 1.

    Args:
        folder: The version's; must not exist.
        build: Builds the graph; returns signature name to inputs, outputs, method.
        tags: Of the graph.
        main_op: Builds the operation that runs after loading.
    """
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        signatures = {
            name: v1.saved_model.build_signature_def(_infos(ins), _infos(outs), method)
            for name, (ins, outs, method) in build().items()
        }
        operation = main_op() if main_op else None
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            list(tags),
            signatures,
            assets_collection=graph.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=operation,
        )
        builder.save()
    return folder


def _infos(tensors):
    return {key: v1.saved_model.build_tensor_info(t) for key, t in tensors.items()}


def write_half_plus(folder: Path, offset: float = 2.0, **options) -> Path:
    """Three of TF Serving's functions with predict, regress and classify signatures."""

    def build():
        examples = v1.placeholder(tf.string, [None], "tf_example")
        spec = {"x": tf.io.FixedLenFeature([1], tf.float32, [0.0])}
        x = tf.identity(v1.io.parse_example(examples, spec)["x"], "x")
        x2 = v1.placeholder(tf.float32, [None, 1], "x2")
        half = v1.Variable(0.5, name="a")
        y = tf.add(half * x, v1.Variable(offset, name="b"), "y")
        c = v1.Variable(3.0, name="c")
        y2, y3 = tf.add(half * x, c, "y2"), tf.add(half * x2, c, "y3")
        return {
            "serving_default": ({"x": x}, {"y": y}, PREDICT),
            "regress_x_to_y": ({"inputs": examples}, {"outputs": y}, REGRESS),
            "regress_x_to_y2": ({"inputs": examples}, {"outputs": y2}, REGRESS),
            "regress_x2_to_y3": ({"inputs": x2}, {"outputs": y3}, REGRESS),
            "classify_x_to_y": ({"inputs": examples}, {"scores": y}, CLASSIFY),
            "classify_x2_to_y3": ({"inputs": x2}, {"scores": y3}, CLASSIFY),
        }

    return write_graph(folder, build, **options)


_ECHOED = {
    "float": tf.float32,
    "double": tf.float64,
    "int8": tf.int8,
    "int16": tf.int16,
    "int32": tf.int32,
    "int64": tf.int64,
    "uint8": tf.uint8,
    "uint32": tf.uint32,
    "uint64": tf.uint64,
    "bool": tf.bool,
    "string": tf.string,
}


def write_echoes(folder: Path) -> Path:
    """Signatures that answer what they are given, or a shape JSON has trouble with."""

    def build():
        signatures = {}
        for name, dtype in _ECHOED.items():
            x = v1.placeholder(dtype, None, f"in_{name}")
            signatures[name] = ({"x": x}, {"y": tf.identity(x)}, PREDICT)
        x = signatures["float"][0]["x"]
        text = signatures["string"][0]["x"]
        named = {
            "int_tensor": v1.placeholder(tf.int32, None),
            "str_tensor": v1.placeholder(tf.string, None),
            "float_tensor": v1.placeholder(tf.float32, None),
            "dbl_tensor": v1.placeholder(tf.float64, None),
        }
        two = {"int_tensor": named["int_tensor"], "str_tensor": named["str_tensor"]}
        none = x[:0]
        outputs = {
            "bytes": ({"x": text}, {"y_bytes": tf.identity(text)}),
            "text_and_bytes": (
                {"x": text},
                {"text": tf.identity(text), "text_bytes": tf.identity(text)},
            ),
            "named": (named, {key: tf.identity(t) for key, t in named.items()}),
            "two": (two, {key: tf.identity(t) for key, t in two.items()}),
            "complex": ({"x": x}, {"y": tf.complex(x, x)}),
            "scalar": ({"x": x}, {"y": tf.reduce_sum(x)}),
            "uneven": ({"x": x}, {"all": tf.identity(x), "one": x[:1]}),
            "none": ({"x": x}, {"y": none}),
            "both_none": ({"x": x}, {"y": none, "z": tf.expand_dims(none, 1)}),
            "one_none": ({"x": x}, {"y": none, "z": tf.identity(x)}),
            "product": ({"x": x}, {"y": tf.matmul(x, [[1.0], [1.0]])}),
            "no_inputs": ({}, {"y": tf.constant([1.0])}),
        }
        for name, (ins, outs) in outputs.items():
            signatures[name] = (ins, outs, PREDICT)
        signatures["odd_method"] = ({"x": x}, {"y": tf.identity(x)}, "no/method")
        return signatures

    return write_graph(folder, build)


def write_classes(folder: Path) -> Path:
    """Classify and Regress signatures, most of which break one of their rules."""

    def build():
        examples = v1.placeholder(tf.string, [None], "tf_example")
        other = v1.placeholder(tf.string, [None], "other")
        found = v1.io.parse_example(
            examples,
            {
                "x": tf.io.FixedLenFeature([1], tf.float32, [0.0]),
                "names": tf.io.VarLenFeature(tf.string),
                "ratings": tf.io.VarLenFeature(tf.float32),
                "age": tf.io.VarLenFeature(tf.int64),
            },
        )
        x = found["x"]
        names = tf.sparse.to_dense(found["names"], "")
        ratings = tf.sparse.to_dense(found["ratings"])
        scores = tf.concat([x, x + 1.0, x + 2.0], 1)
        labels = tf.tile([["car", "bike", "bus"]], [tf.shape(x)[0], 1])
        flat = tf.reshape(x, [-1])
        classify = {
            "both": {"classes": labels, "scores": scores},
            "only_classes": {"classes": labels},
            "only_scores": {"scores": scores},
            "names": {"classes": names},
            "ratings": {"scores": ratings},
            "ages": {"scores": tf.cast(tf.sparse.to_dense(found["age"]), tf.float32)},
            "flat_scores": {"scores": flat},
            "flat_classes": {"classes": tf.as_string(flat)},
            "integer_scores": {"scores": tf.cast(scores, tf.int32)},
            "float_classes": {"classes": scores},
            "fewer_scores": {"scores": scores[:1]},
            "fewer_classes": {"classes": labels[:1]},
            "unequal": {"classes": labels, "scores": x},
            "three_outputs": {"classes": labels, "scores": scores, "more": x},
            "misnamed": {"probability": scores},
        }
        regress = {
            "column": {"outputs": x},
            "flat": {"outputs": flat},
            "fractions": {"outputs": tf.math.divide_no_nan(1.0, x)},
            "quotient": {"outputs": 1.0 / x},
            "undefined": {"outputs": tf.sqrt(x)},
            "wide": {"outputs": scores},
            "scalar": {"outputs": tf.reduce_sum(x)},
            "integer": {"outputs": tf.cast(x, tf.int32)},
            "fewer": {"outputs": flat[:1]},
            "two_outputs": {"outputs": x, "more": x},
            "misnamed": {"result": x},
        }
        signatures = {
            f"classify_{key}": ({"inputs": examples}, outs, CLASSIFY)
            for key, outs in classify.items()
        } | {
            f"regress_{key}": ({"inputs": examples}, outs, REGRESS)
            for key, outs in regress.items()
        }
        both = {"inputs": examples, "other": other}
        for kind, outs, method in (
            ("classify", {"scores": scores}, CLASSIFY),
            ("regress", {"outputs": x}, REGRESS),
        ):
            signatures[f"{kind}_two_inputs"] = (both, outs, method)
            signatures[f"{kind}_misnamed_input"] = ({"text": examples}, outs, method)
            signatures[f"{kind}_by_predict"] = ({"inputs": examples}, outs, PREDICT)
        return signatures

    return write_graph(folder, build)


def write_vocabulary(folder: Path, words: list[str]) -> Path:
    """TensorFlow 1: a table that an init op fills from a file in assets/."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    vocabulary = folder.parent / "words.txt"
    vocabulary.write_text("".join(f"{word}\n" for word in words))

    def build():
        asset = tf.constant(str(vocabulary))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
        word = v1.placeholder(tf.string, [None], "word")
        place = _table(asset).lookup(word)
        return {"serving_default": ({"word": word}, {"place": place}, PREDICT)}

    write_graph(folder, build, main_op=v1.tables_initializer)
    vocabulary.unlink()
    return folder


def write_tensorflow_2(folder: Path, words: list[str]) -> Path:
    """TensorFlow 2: y = x / 2 + 2 from a variable, and a table from an asset."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    vocabulary = folder.parent / "words2.txt"
    vocabulary.write_text("".join(f"{word}\n" for word in words))
    module = tf.Module()
    module.asset = tf.saved_model.Asset(str(vocabulary))
    module.table = _table(module.asset)
    module.offset = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def half_plus_two(x):
        return {"y": x * 0.5 + module.offset}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "word")])
    def place_of(word):
        return {"place": module.table.lookup(word)}

    signatures = {"serving_default": half_plus_two, "place_of": place_of}
    tf.saved_model.save(module, str(folder), signatures)
    vocabulary.unlink()
    return folder


def _table(file) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            file,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )


def write_batch_probe(folder: Path) -> Path:
    """What a batch looked like: its rows; and a loop that takes as long as asked."""

    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        wide = v1.placeholder(tf.float32, [None, None], "wide")
        rounds = v1.placeholder(tf.int64, [None], "rounds")
        many = tf.reduce_max(rounds)
        _, last = tf.while_loop(
            lambda step, _: step < many,
            lambda step, value: (step + 1, tf.sin(value) + 1.0),
            [tf.constant(0, tf.int64), tf.cast(rounds, tf.float32)],
            parallel_iterations=1,
        )
        return {
            "serving_default": (
                {"x": x},
                {"y": x * 0.5 + 2.0, "rows": tf.fill(tf.shape(x), tf.shape(x)[0])},
                PREDICT,
            ),
            "other": ({"x": x}, {"y": x * 0.5 + 3.0}, PREDICT),
            "wide": (
                {"wide": wide},
                {
                    "wide": tf.identity(wide),
                    "rows": tf.fill(tf.shape(wide)[:1], tf.shape(wide)[0]),
                },
                PREDICT,
            ),
            "slow": ({"rounds": rounds}, {"y": last}, PREDICT),
            "sum": ({"x": x}, {"sum": tf.reduce_sum(x)}, PREDICT),
        }

    return write_graph(folder, build)


def write_without_default(folder: Path) -> Path:
    """A model without the signature that requests mean when they name none."""

    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        return {"other": ({"x": x}, {"y": x * 2.0}, PREDICT)}

    return write_graph(folder, build)
