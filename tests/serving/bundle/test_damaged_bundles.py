"""Bundles damaged with care and sealed again: verify answers, whatever it is given."""

import os
import shutil

import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.bundle import layout
from serving.bundle.verify import verify_bundle
from serving.chaos.failure_mode import reseal
from serving.chaos.saved_model_edit import add_constant, add_node, edited_meta_graph

FLOAT = types_pb2.DT_FLOAT
NAMED, EXAMPLES = "serving_default", "serving_examples"
OUTPUTS = "outputs of 'serving_default'"


def assert_refused(bundle, guard, telling=""):
    found = verify_bundle(bundle)
    assert (found.is_ok, found.guard) == (False, guard), found
    assert telling in found.reason
    assert "could not be finished" not in found.reason
    # TensorFlow itself would search the text of a lost function's error for a minute.
    assert found.wall_s < 20


def replace(name, text):
    def damage(bundle):
        (bundle / name).write_bytes(text)

    return damage


def cut(name, fraction):
    def damage(bundle):
        text = (bundle / name).read_bytes()
        (bundle / name).write_bytes(text[: int(len(text) * fraction)])

    return damage


def scramble(name):
    def damage(bundle):
        text = (bundle / name).read_bytes()
        (bundle / name).write_bytes(bytes(byte ^ 0x5A for byte in text))

    return damage


def remove(name):
    def damage(bundle):
        path = bundle / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


@pytest.mark.parametrize(
    ("damage", "guard", "telling"),
    [
        (scramble("saved_model.pb"), "signatures", "is no SavedModel"),
        (cut("saved_model.pb", 0.5), "signatures", "is no SavedModel"),
        (replace("saved_model.pb", b""), "signatures", "the loader rejects the model"),
        (scramble("variables/variables.index"), "signatures", "the loader rejects"),
        (scramble("variables/variables.data-00000-of-00001"), "signatures", "Checksum"),
        (cut("variables/variables.data-00000-of-00001", 0.5), "signatures", "loader"),
        (remove("variables"), "signatures", "not a valid checkpoint"),
        (remove("assets"), "files", "'assets/carriers', which is no file of the"),
        (replace("assets/carriers", b""), "signatures", "the loader rejects"),
        (replace("assets/carriers", b"\xff\n" * 4), "signatures", "the loader rejects"),
        (
            replace("assets/carriers", b"UA\nUA\nB6\n"),
            "signatures",
            "the loader rejects",
        ),
        (replace(layout.SCHEMA, b""), "schema", "has the fingerprint"),
        (replace(layout.GOLDEN_BATCH, b"{}"), "format", "format_version is None"),
    ],
)
def test_damaged_file_is_refused(tiny_bundle, damage, guard, telling):
    damage(tiny_bundle)
    reseal(tiny_bundle)
    assert_refused(tiny_bundle, guard, telling)


@pytest.mark.parametrize("name", layout.REQUIRED)
@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo])
def test_required_file_that_is_no_file_is_refused(tiny_bundle, name, make):
    (tiny_bundle / name).unlink()
    make(tiny_bundle / name)
    found = verify_bundle(tiny_bundle)
    assert (found.is_ok, found.guard) == (False, "identity")
    assert name in found.reason


def test_empty_folder_is_not_looked_at(tiny_bundle):
    (tiny_bundle / "empty").mkdir()
    assert verify_bundle(tiny_bundle).is_ok


def tensor(meta, name, signature=NAMED, side="inputs"):
    return getattr(meta.signature_def[signature], side)[name]


def output(meta, name, signature=NAMED):
    return tensor(meta, name, signature, "outputs")


def constant_answer(meta):
    add_constant(meta.graph_def, "one", 0.5, FLOAT)
    for signature in (NAMED, EXAMPLES):
        output(meta, "probability", signature).name = "one:0"


def pairs_of_labels(meta):
    label = output(meta, "label").name
    node = meta.graph_def.node.add(name="pairs", op="Pack", input=[label, label])
    node.attr["T"].type = types_pb2.DT_STRING
    node.attr["N"].i = 2
    node.attr["axis"].i = 1
    output(meta, "label").name = "pairs:0"


def swapped_outputs(meta):
    label, probability = output(meta, "label"), output(meta, "probability")
    label.name, probability.name = probability.name, label.name


def cycle(meta):
    add_node(meta.graph_def, "left", "Identity", ["right"], {"T": FLOAT})
    add_node(meta.graph_def, "right", "Identity", ["left"], {"T": FLOAT})


def lost_function(meta):
    for function in meta.graph_def.library.function:
        if function.signature.name.startswith("__inference__initializer"):
            function.signature.name += "_lost"


def asset_outside(meta):
    meta.asset_file_def[0].filename = "../../outside"


def old_asset_outside(meta):
    asset = meta_graph_pb2.AssetFileDef(filename="../../outside")
    meta.collection_def["saved_model_assets"].any_list.value.add().Pack(asset)


@pytest.mark.parametrize(
    ("damage", "guard", "telling"),
    [
        (lambda meta: meta.meta_info_def.ClearField("tags"), "signatures", "loader"),
        (lambda meta: meta.graph_def.ClearField("library"), "signatures", "loader"),
        (lambda meta: meta.graph_def.ClearField("node"), "signatures", "loader"),
        (lambda meta: meta.ClearField("saver_def"), "golden_batch", "variable"),
        (lambda meta: meta.signature_def.clear(), "signatures", "model has none"),
        (
            lambda meta: meta.graph_def.node.add(name="x", op="NoSuchOp"),
            "signatures",
            "NoSuchOp",
        ),
        (
            lambda meta: meta.graph_def.node.add(name="x", op="WriteFile"),
            "no_code",
            "WriteFile op",
        ),
        (
            lambda meta: meta.graph_def.library.function[0].node_def.add(
                name="x", op="EagerPyFunc"
            ),
            "no_code",
            "EagerPyFunc op",
        ),
        (cycle, "signatures", "cycle"),
        (lost_function, "signatures", "the loader rejects the model: Failed to find f"),
        (
            lambda meta: setattr(tensor(meta, "miles"), "dtype", 77),
            "signatures",
            "'miles' has the dtype 77",
        ),
        (
            lambda meta: setattr(tensor(meta, "miles"), "dtype", 0),
            "signatures",
            "'miles' has the dtype 0",
        ),
        (
            lambda meta: setattr(tensor(meta, "miles"), "dtype", types_pb2.DT_DOUBLE),
            "signatures",
            "is float64 [any] in the model and float32 [any] in the contract",
        ),
        (
            lambda meta: setattr(tensor(meta, "miles"), "name", "nowhere:0"),
            "golden_batch",
            "nowhere",
        ),
        (
            lambda meta: setattr(tensor(meta, "miles"), "name", ""),
            "golden_batch",
            "fails on a real row",
        ),
        (
            lambda meta: setattr(output(meta, "label"), "name", "x/y:7"),
            "golden_batch",
            "x/y:7",
        ),
        (constant_answer, "golden_batch", "has the shape [] for 24 golden rows"),
        (pairs_of_labels, "golden_batch", "for 24 of 24 golden rows"),
        (swapped_outputs, "golden_batch", "for 24 of 24 golden rows"),
        (asset_outside, "files", "'assets/../../outside', which is no file of the"),
        (old_asset_outside, "files", "'assets/../../outside', which is no file of"),
    ],
)
def test_damaged_graph_is_refused(tiny_bundle, damage, guard, telling):
    shutil.copy(tiny_bundle / "assets" / "carriers", tiny_bundle.parent / "outside")
    with edited_meta_graph(tiny_bundle) as meta:
        damage(meta)
    reseal(tiny_bundle)
    assert_refused(tiny_bundle, guard, telling)


@pytest.mark.parametrize("signature", [NAMED, EXAMPLES])
def test_output_that_the_golden_batch_does_not_know_is_refused(
    tiny_bundle, rewrite_contract, signature
):
    def add_output(document):
        outputs = document["signatures"][signature]["outputs"]
        outputs.insert(1, {**outputs[1], "name": "more"})

    with edited_meta_graph(tiny_bundle) as meta:
        output(meta, "more", signature).CopyFrom(output(meta, "probability", signature))
    reseal(tiny_bundle)
    rewrite_contract(tiny_bundle, add_output)
    assert_refused(
        tiny_bundle, "feature_order", f"outputs of {signature!r}.1 is 'more' in the"
    )


@pytest.mark.parametrize("name", [NAMED, EXAMPLES, "transform_features"])
def test_signature_that_the_contract_does_not_describe_is_refused(
    tiny_bundle, rewrite_contract, name
):
    rewrite_contract(tiny_bundle, lambda document: document["signatures"].pop(name))
    assert_refused(tiny_bundle, "signatures", f"does not describe signature {name!r}")


def test_signature_that_only_the_model_has_is_refused(tiny_bundle):
    with edited_meta_graph(tiny_bundle) as meta:
        meta.signature_def["debug"].CopyFrom(meta.signature_def[NAMED])
    reseal(tiny_bundle)
    assert_refused(tiny_bundle, "signatures", "'debug' is not in the contract")
