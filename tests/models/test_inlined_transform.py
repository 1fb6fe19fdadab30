"""A transform graph inlined: the same results as called, by fewer operations."""

import math
import tempfile
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability import fn_api_runner
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from models.inlined_transform import InlinedTransform, to_sparse

pytestmark = pytest.mark.beam

DTYPES = {
    "number": tf.float32,
    "whole": tf.int64,
    "text": tf.string,
    "column": tf.float32,
    "counted": tf.float32,
    "both_ways": tf.float32,
    "kept": tf.float32,
    "places": tf.float32,
    "unshaped": tf.float32,
    "label": tf.int64,
}
SPECS = {key: tf.io.VarLenFeature(dtype) for key, dtype in DTYPES.items()}
DENSE = {"number", "whole", "text", "column", "label"}

# None: missing.
ROWS = {
    "number": [None, 1.5, 0.0, -2.25],
    "whole": [None, 3, 0, -4],
    "text": [None, "JFK", "x", "é"],
    "column": [0.5, None, 2.0, None],
    "counted": [None, 5.0, None, 6.0],
    "both_ways": [1.0, 2.0, None, None],
    "kept": [None, None, 9.0, 8.0],
    "places": [None, 4.0, None, 3.0],
    "unshaped": [1.0, None, None, 7.0],
}
EXPECTED = {
    "number_xf": [math.nan, 1.5, 0.0, -2.25],
    "whole_xf": [math.nan, 3.0, 0.0, -4.0],
    "whole_or_7": [7, 3, 0, -4],
    "text_xf": [b"", b"JFK", b"x", "é".encode()],
    "text_or_none": [b"none", b"JFK", b"x", "é".encode()],
    "column_xf": [1.0, -2.0, 4.0, -2.0],
    "counted_xf": [0.0, 5.0, 0.0, 6.0],
    "both_ways_xf": [2.0, 4.0, -2.0, -2.0],
    "kept_too": [0.0, 0.0, 9.0, 8.0],
    "places_xf": [0.0, 5.0, 0.0, 4.0],
    "unshaped_xf": [1.0, 0.0, 0.0, 7.0],
    # float32, added up from the left.
    "sum_xf": [math.nan, 1.5 + 3.0 - 1.0, 0.0 + 0.0 + 2.0, -2.25 - 4.0 - 1.0],
}
OUTPUTS = [*EXPECTED]


def _dense(column: tf.SparseTensor, default: float | str) -> tf.Tensor:
    shape = tf.stack([column.dense_shape[0], 1])
    one_column = tf.SparseTensor(column.indices, column.values, shape)
    return tf.sparse.to_dense(one_column, tf.cast(default, column.dtype))


def _sums(column: tf.SparseTensor) -> tf.Tensor:
    return tf.reshape(tf.sparse.reduce_sum(column, axis=1), [-1])


def preprocessing_fn(inputs):
    number = tf.squeeze(_dense(inputs["number"], math.nan), axis=1)
    whole = _dense(tf.cast(inputs["whole"], tf.float32), math.nan)[:, 0]
    column = _dense(inputs["column"], -1.0)
    smallest = tf.reduce_min(tf.where(tf.math.is_nan(number), 0.0, number))
    tf.debugging.assert_greater(smallest, -100.0, "too small a number")
    label = tf.squeeze(_dense(inputs["label"], 0), axis=1)
    # Cannot be made where there is no label.
    tf.debugging.assert_less(label, tf.constant(2, tf.int64), "no label")
    places = inputs["places"].indices[:, 0]
    num_present = tf.math.unsorted_segment_sum(
        tf.ones_like(places, tf.float32), places, tf.size(number)
    )
    return {
        "number_xf": number,
        "whole_xf": whole,
        "whole_or_7": tf.squeeze(_dense(inputs["whole"], 7), axis=-1),
        "text_xf": tf.squeeze(_dense(inputs["text"], ""), axis=1),
        "text_or_none": tf.squeeze(_dense(inputs["text"], "none"), axis=1),
        "column_xf": tf.reduce_sum(2 * column, axis=1),
        "counted_xf": _sums(inputs["counted"]),
        "both_ways_xf": _sums(inputs["both_ways"])
        + tf.squeeze(_dense(inputs["both_ways"], -2.0), axis=1),
        "sum_xf": number + whole + tf.squeeze(column, axis=1),
        "kept_xf": inputs["kept"],
        "kept_too": tf.squeeze(_dense(inputs["kept"], 0.0), axis=1),
        "places_xf": tf.squeeze(_dense(inputs["places"], 0.0), axis=1) + num_present,
        "unshaped_xf": tf.reduce_sum(tf.sparse.to_dense(inputs["unshaped"]), axis=1),
        "label_xf": label,
    }


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> SavedModelLoader:
    folder = tmp_path_factory.mktemp("transform")
    schema = schema_utils.schema_from_feature_spec(SPECS)
    metadata = dataset_metadata.DatasetMetadata(schema)
    with (
        beam.Pipeline(runner=fn_api_runner.FnApiRunner()) as pipeline,
        tft_beam.Context(temp_dir=tempfile.mkdtemp(dir=folder)),
    ):
        rows = pipeline | beam.Create([{key: [] for key in DTYPES}], False)
        transform_fn = (rows, metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        _ = transform_fn | tft_beam.WriteTransformFn(str(folder))
    return SavedModelLoader(str(Path(folder) / tft.TFTransformOutput.TRANSFORM_FN_DIR))


@pytest.fixture(scope="module")
def inlined(loader: SavedModelLoader) -> InlinedTransform:
    return InlinedTransform(loader)


def _tensors(rows: dict[str, list]) -> dict[str, tf.Tensor]:
    """Returns rows as a request holds them."""
    return {
        key: tf.constant(["" if v is None else v for v in values], tf.string)
        if DTYPES[key] == tf.string
        else tf.constant([math.nan if v is None else v for v in values], tf.float32)
        for key, values in rows.items()
    }


def _sparse(rows: dict[str, list]) -> dict[str, tf.SparseTensor]:
    return to_sparse(_tensors(rows), DTYPES)


def _of_columns(inlined, rows, outputs=OUTPUTS):
    function = tf.function(
        lambda **given: inlined.of_columns(given, outputs), autograph=False
    )
    return function(**_tensors(rows))


def _of_sparse(inlined, rows, outputs=OUTPUTS):
    function = tf.function(
        lambda **given: inlined.of_sparse(given, outputs), autograph=False
    )
    return function(**_sparse(rows))


def _assert_expected(answer: dict[str, tf.Tensor]) -> None:
    assert set(answer) == set(EXPECTED)
    for key, values in EXPECTED.items():
        found = answer[key].numpy()
        assert found.shape == (len(values),), key
        np.testing.assert_array_equal(found, np.array(values, found.dtype), key)


def test_the_expected_rows_are_what_the_graph_gives_when_it_is_called(loader):
    answer = loader.apply_transform_model(_sparse(ROWS))
    _assert_expected({key: answer[key] for key in EXPECTED})


def test_columns_give_the_same(inlined):
    _assert_expected(_of_columns(inlined, ROWS))


def test_parsed_examples_give_the_same(inlined):
    _assert_expected(_of_sparse(inlined, ROWS))


def test_an_empty_batch_gives_nothing(inlined):
    empty = {key: [] for key in ROWS}
    for answer in (_of_columns(inlined, empty), _of_sparse(inlined, empty)):
        assert {values.shape[0] for values in answer.values()} == {0}


def test_only_what_is_made_dense_at_once_is_cut(inlined):
    assert inlined.dense_keys == DENSE


def test_nothing_sparse_is_left_where_all_columns_are_dense(inlined):
    keys = sorted(DENSE - {"label"})
    outputs = ["number_xf", "whole_or_7", "text_xf", "column_xf", "sum_xf"]
    function = tf.function(
        lambda **rows: inlined.of_columns(rows, outputs), autograph=False
    )
    traced = function.get_concrete_function(**_tensors({k: ROWS[k] for k in keys}))
    operations = {operation.type for operation in traced.graph.get_operations()}
    assert not operations & {"SparseToDense", "Where", "StatefulPartitionedCall"}


def test_a_fraction_is_cut_off_where_the_graph_has_whole_numbers(inlined):
    rows = {key: values[:1] for key, values in ROWS.items()} | {"whole": [-3.75]}
    answer = _of_columns(inlined, rows)
    assert answer["whole_or_7"].numpy().tolist() == [-3]
    assert answer["whole_xf"].numpy().tolist() == [-3.0]


@pytest.mark.parametrize("way", [_of_columns, _of_sparse])
def test_an_assertion_of_the_graph_is_kept(inlined, way):
    rows = ROWS | {"number": [None, 1.5, -100.5, 0.0]}
    with pytest.raises(tf.errors.InvalidArgumentError, match="too small a number"):
        way(inlined, rows, ["text_xf"])


@pytest.mark.parametrize("way", [_of_columns, _of_sparse])
def test_an_output_of_a_feature_that_is_not_given_is_refused(inlined, way):
    with pytest.raises(
        ValueError, match="from 'label', too, which requests do not have"
    ):
        way(inlined, ROWS, ["label_xf"])


@pytest.mark.parametrize("way", [_of_columns, _of_sparse])
def test_an_unknown_output_is_refused(inlined, way):
    with pytest.raises(KeyError, match="lable_xf"):
        way(inlined, ROWS, ["lable_xf"])


def test_an_unknown_feature_is_refused(inlined):
    given = {"nomber": tf.constant([1.0])}
    with pytest.raises(KeyError, match="'nomber' is not a sparse input"):
        inlined.of_columns(given, ["number_xf"])


def test_a_graph_of_tensorflow_1_is_refused(loader, monkeypatch):
    monkeypatch.setattr(loader, "_load_v2_in_compat", True)
    with pytest.raises(ValueError, match="force_tf_compat_v1=False"):
        InlinedTransform(loader)


def test_shapes_at_the_cut_are_not_known_to_the_graph(inlined):
    """Else it would be optimized in two ways; see the module."""
    for way, given in (
        (inlined.of_columns, _tensors(ROWS)),
        (inlined.of_sparse, _sparse(ROWS)),
    ):
        function = tf.function(lambda w=way, **rows: w(rows, OUTPUTS), autograph=False)
        graph = function.get_concrete_function(**given).graph
        outside = {
            source.op.type
            for operation in graph.get_operations()
            for source in operation.inputs
            if operation.name.startswith("transform/")
            and not source.op.name.startswith("transform/")
        }
        assert outside == {"PlaceholderWithDefault"}
