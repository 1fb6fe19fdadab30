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

from models.inlined_transform import InlinedTransform
from models.packed_columns import packed

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
    packed_inputs: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Exports model and transform graph as one SavedModel.

    Args:
        model: From a dict of transformed features, [batch] each, and of
            `packed_inputs` to a probability, float32 [batch] or [batch, 1].
        tf_transform_output: The transform graph that the model was trained behind.
        contract: Raw features and classes.
        serving_model_dir: Where to write.
        packed_inputs: Inputs of the model that are matrices, [batch, columns], and
            the transformed features, all of one dtype, that are the columns of each.

    Raises:
        KeyError: A feature of the contract is not in the transform graph's input.
        ValueError: The model's inputs are worked out from a feature that is not in
            the contract.
    """
    raw_specs = tf_transform_output.raw_feature_spec()
    specs = {key: raw_specs[key] for key in contract.feature_keys}
    named = {key: _named_spec(key, spec) for key, spec in specs.items()}
    examples = tf.TensorSpec([None], tf.string, name="examples")

    transform = SavedModelLoader(tf_transform_output.transform_savedmodel_dir)
    inlined = InlinedTransform(transform)
    root = tf.Module()
    root.variables_ = {each.path: each.value for each in model.variables}
    # The graph's tables and their files are saved with what holds them.
    root.transform_ = transform._imported

    packs = packed_inputs or {}
    wanted = [key for name in model.input for key in packs.get(name, [name])]

    def serving_default(**rows: tf.Tensor) -> Tensors:
        transformed = inlined.of_columns(rows, wanted)
        return _answer(model, _model_inputs(model, transformed, packs), contract)

    def serving_examples(examples: tf.Tensor) -> Tensors:
        transformed = inlined.of_sparse(_parse(examples, specs), wanted)
        return _answer(model, _model_inputs(model, transformed, packs), contract)

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


def _model_inputs(
    model: keras.Model, transformed: Tensors, packs: Mapping[str, Sequence[str]]
) -> Tensors:
    inputs = {}
    for name, given in model.input.items():
        if name in packs:
            matrix = packed([transformed[key] for key in packs[name]])
            inputs[name] = tf.cast(matrix, given.dtype)
        else:
            inputs[name] = transformed[name]
    return inputs


def _answer(model: keras.Model, inputs: Tensors, contract: ServingContract) -> Tensors:
    """Returns `probability`, float32 [batch], and `label`, string [batch]."""
    probability = tf.reshape(model(inputs, training=False), [-1])
    is_reached = tf.cast(probability >= contract.threshold, tf.int32)
    label = tf.gather(tf.constant(contract.class_names), is_reached)
    return {"probability": probability, "label": label}


def _named_spec(key: str, spec: tf.io.VarLenFeature) -> tf.TensorSpec:
    dtype = tf.string if spec.dtype == tf.string else tf.float32
    return tf.TensorSpec([None], dtype, name=key)


def _parse(
    examples: tf.Tensor, specs: Mapping[str, tf.io.VarLenFeature]
) -> SparseFeatures:
    parsed: SparseFeatures = tf.io.parse_example(examples, dict(specs))
    return parsed
