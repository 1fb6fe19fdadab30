"""Transform's own graph beside the bundle: a SavedModel as TFT writes it."""

import pytest
import tensorflow as tf

from serving.session_model import ModelRefusedError
from serving.skew_proof.log_proof import ProofRequest, prove_log
from serving.skew_proof.reference import RunArtifacts
from serving.skew_proof.transform_graph import TransformGraphReplay
from tests.serving.tiny_bundle import FILL_MILES, FILL_MONTH
from tests.serving.tiny_rides import CARRIERS, train_rows


def write_graph(folder, carriers=CARRIERS):
    """Writes a TransformGraph artifact that computes what the tiny bundle does."""
    import numpy as np

    miles = [row[0] for row in train_rows() if row[0] is not None]
    mean, deviation = float(np.mean(miles)), float(np.std(miles))
    keys = tf.constant(carriers)
    values = tf.range(len(carriers), dtype=tf.int64)
    root = tf.Module()
    root.table = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(keys, values), num_oov_buckets=1
    )
    kinds = {"miles": tf.float32, "month": tf.int64, "carrier": tf.string}
    kinds |= {"is_late": tf.int64}
    specs = {
        name: tf.SparseTensorSpec([None, None], kind) for name, kind in kinds.items()
    }

    def dense(rows, default):
        column = tf.SparseTensor(
            rows.indices, rows.values, tf.stack([rows.dense_shape[0], 1])
        )
        return tf.squeeze(tf.sparse.to_dense(column, default), axis=1)

    @tf.function(input_signature=[specs])
    def transform_fn(inputs):
        return {
            "carrier_xf": root.table.lookup(dense(inputs["carrier"], "")),
            "miles_xf": (dense(inputs["miles"], FILL_MILES) - mean) / deviation,
            "month_xf": dense(inputs["month"], int(FILL_MONTH)),
            "is_late_xf": dense(inputs["is_late"], 0),
        }

    root.transform_fn = transform_fn.get_concrete_function()
    tf.saved_model.save(root, str(folder / "transform_fn"))
    return folder


def prove(log, bundle, graph):
    artifacts = RunArtifacts(transform_graph=graph)
    return prove_log(log, bundle.parent, ProofRequest(), lambda _: artifacts)


def test_the_runs_graph_agrees_with_rows_of_its_bundle(
    rides_log, tiny_bundle, tmp_path
):
    graph = write_graph(tmp_path / "graph")
    (bundle,) = prove(rides_log, tiny_bundle, graph).bundles
    assert bundle.is_equal
    assert bundle.transform_graph == str(graph)


def test_a_bundle_changed_and_served_alike_differs_from_the_runs_graph(
    rides_log, tiny_bundle, tmp_path
):
    graph = write_graph(tmp_path / "graph", ("UA", "QQ", "EV", "DL"))
    (column,) = prove(rides_log, tiny_bundle, graph).bundles[0].columns
    assert (column.column, column.against) == ("carrier_xf", "Transform's graph")
    assert "changed after the run" in column.cause


def test_what_differs_from_both_is_told_once(swapped_log, tiny_bundle, tmp_path):
    graph = write_graph(tmp_path / "graph")
    columns = prove(swapped_log, tiny_bundle, graph).bundles[0].columns
    told = [one.against for one in columns if one.column == "carrier_xf"]
    assert told == ["the bundle"]


def test_a_folder_that_is_no_graph_is_refused(tmp_path):
    with pytest.raises(ModelRefusedError, match=r"no graph of Transform's: OSError"):
        TransformGraphReplay(tmp_path)
