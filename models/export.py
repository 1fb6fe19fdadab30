"""Writes the SavedModel that TF Serving hosts; shared by the use cases.

    {serving_model_dir}/
      saved_model.pb
      variables/
      assets/            the vocabularies of the transform graph

Signatures: `serving_default` (one named tensor per raw feature), `serving_examples`
and `transform_features` (serialized tf.Examples). The saved object is a bare tf.Module,
not the Keras model: saved as such, in a process that has imported TFMA, a Keras 3 model
loads everywhere but cannot serve in TF Serving ("Could not find variable").
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

# tft itself names only a Keras layer around this loader. Saving that layer saves its
# Keras functions, too, which takes longer than all the rest.
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

Tensors = dict[str, tf.Tensor]
SparseFeatures = dict[str, tf.SparseTensor]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ServingContract:
    """What goes in and out of the exported model.

    Attributes:
        feature_keys: Raw features of a request, in order.
        class_names: Values of `label`: below the threshold, and from it on.
        threshold: Smallest probability that gets the second class name, in [0, 1].
    """

    feature_keys: Sequence[str]
    class_names: tuple[str, str]
    threshold: float = 0.5


def write_saved_model(
    model: keras.Model,
    tf_transform_output: tft.TFTransformOutput,
    contract: ServingContract,
    serving_model_dir: str,
) -> None:
    """Exports model and transform graph as one SavedModel.

    Args:
        model: From a dict of transformed features, [batch] each, to a probability,
            float32 [batch] or [batch, 1].
        tf_transform_output: The transform graph that the model was trained behind.
        contract: Raw features and classes.
        serving_model_dir: Where to write.

    Raises:
        KeyError: A feature of the contract is not in the transform graph's input.
    """
    raw_specs = tf_transform_output.raw_feature_spec()
    specs = {key: raw_specs[key] for key in contract.feature_keys}
    named = {key: _named_spec(key, spec) for key, spec in specs.items()}
    examples = tf.TensorSpec([None], tf.string, name="examples")

    transform = SavedModelLoader(tf_transform_output.transform_savedmodel_dir)
    root = tf.Module()
    root.variables_ = {each.path: each.value for each in model.variables}
    # The graph's tables and their files are saved with what holds them.
    root.transform_ = transform._imported

    def serving_default(**rows: tf.Tensor) -> Tensors:
        transformed = transform.apply_transform_model(_to_sparse(rows, specs))
        return _answer(model, transformed, contract)

    def serving_examples(examples: tf.Tensor) -> Tensors:
        transformed = transform.apply_transform_model(_parse(examples, specs))
        return _answer(model, transformed, contract)

    def transform_features(examples: tf.Tensor) -> Tensors:
        return dict(transform.apply_transform_model(_parse(examples, specs)))

    signatures = {
        "serving_default": _concrete(serving_default, **named),
        "serving_examples": _concrete(serving_examples, examples=examples),
        "transform_features": _concrete(transform_features, examples=examples),
    }
    tf.saved_model.save(root, serving_model_dir, signatures=signatures)


def weight_name(checkpoint_key: str) -> str | None:
    """Returns the Keras path of a weight of an exported model.

    Args:
        checkpoint_key: Of its object in the checkpoint, as in
            "variables_/deep.Sembeddings".

    Returns:
        Such as "deep/embeddings"; None for what is no weight, and for weights of an
        early version's export, which numbered them.

    Source:
        tensorflow/python/checkpoint/trackable_view.py and
        tensorflow/python/trackable/trackable_utils.py, escape_local_name.
    """
    attribute, _, name = checkpoint_key.partition("/")
    if attribute != "variables_" or not name or name.isdecimal():
        return None
    return re.sub(r"\.([.S])", lambda found: "./"[found[1] == "S"], name)


def _concrete(function: Callable[..., Tensors], **specs: tf.TensorSpec) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(**specs)


def _answer(
    model: keras.Model, transformed: Tensors, contract: ServingContract
) -> Tensors:
    """Returns `probability`, float32 [batch], and `label`, string [batch]."""
    inputs = {key: transformed[key] for key in model.input}
    probability = tf.reshape(model(inputs, training=False), [-1])
    below, from_threshold = contract.class_names
    label = tf.where(probability >= contract.threshold, from_threshold, below)
    return {"probability": probability, "label": label}


def _named_spec(key: str, spec: tf.io.VarLenFeature) -> tf.TensorSpec:
    dtype = tf.string if spec.dtype == tf.string else tf.float32
    return tf.TensorSpec([None], dtype, name=key)


def _parse(
    examples: tf.Tensor, specs: Mapping[str, tf.io.VarLenFeature]
) -> SparseFeatures:
    parsed: SparseFeatures = tf.io.parse_example(examples, dict(specs))
    return parsed


def _to_sparse(
    rows: Mapping[str, tf.Tensor], specs: Mapping[str, tf.io.VarLenFeature]
) -> SparseFeatures:
    """Leaves out NaN and "", so that both signatures feed the same to the graph.

    All inputs of one dtype together: what a request of one row costs is the number of
    operations.
    """
    num_rows = tf.size(next(iter(rows.values())), tf.int64)
    shape = tf.stack([num_rows, 1])
    together: dict[tf.DType, list[str]] = {}
    for key, spec in specs.items():
        together.setdefault(spec.dtype, []).append(key)
    sparse: SparseFeatures = {}
    for dtype, keys in together.items():
        block = tf.stack([rows[key] for key in keys])
        is_text = dtype == tf.string
        present = tf.not_equal(block, "") if is_text else ~tf.math.is_nan(block)
        places = tf.where(present)
        values = tf.cast(tf.gather_nd(block, places), dtype)
        indices = tf.pad(places[:, 1:], [[0, 0], [0, 1]])
        counts = tf.math.count_nonzero(present, axis=1)
        for key, own_indices, own_values in zip(
            keys,
            tf.split(indices, counts, num=len(keys)),
            tf.split(values, counts, num=len(keys)),
            strict=True,
        ):
            sparse[key] = tf.SparseTensor(own_indices, own_values, shape)
    return sparse
