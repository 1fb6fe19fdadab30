"""Golden rows of a real split: chosen, asked, and left out where they would waver."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from components.golden_batch_gen.categorical import categorical_features
from components.golden_batch_gen.expectations import (
    ExportedModel,
    build_golden_batch,
    raw_values,
    transform,
)
from components.golden_batch_gen.select_rows import MIN_ROWS, select_rows
from models.flights.features import FEATURE_KEYS, LABEL_KEY
from pipeline.stage_configs import MAX_GOLDEN_ROWS
from serving.bundle import golden_batch, schema_file
from serving.bundle.contract import RawFeature
from serving.session_model import ModelRefusedError, SessionModel
from tests.models.flights import rows as raw
from tests.models.flights.conftest import (  # noqa: F401 - fixtures
    exported,
    flight_rows,
    transformed,
)

SCHEMA_FILE = "data/flights/schema.pbtxt"
MILES = RawFeature(name="miles", dtype="float32", example_type="FLOAT", missing="NaN")
FLIGHT = RawFeature(name="flight", dtype="float32", example_type="INT", missing="NaN")
ORIGIN = RawFeature(name="origin", dtype="string", example_type="BYTES", missing="")


@pytest.fixture(scope="module")
def schema():
    with open(SCHEMA_FILE, "rb") as file:  # noqa: PTH123 - one line
        return schema_file.parse_schema(file.read())


@pytest.fixture(scope="module")
def split_file(flight_rows, tmp_path_factory):  # noqa: F811
    path = tmp_path_factory.mktemp("examples") / "data-00000.gz"
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in flight_rows:
            writer.write(raw.serialize(row))
    return str(path)


@pytest.fixture(scope="module")
def model(exported):  # noqa: F811
    return ExportedModel(str(exported / "model"))


@pytest.fixture(scope="module")
def selection(split_file, schema, model):
    return select_rows(
        [split_file],
        features=FEATURE_KEYS,
        categorical=categorical_features(schema, FEATURE_KEYS),
        answer=model.labels,
        max_rows=256,
    )


@pytest.fixture(scope="module")
def batch(selection, schema, model, transformed):  # noqa: F811
    values = transform(
        str(transformed.directory / "graph"), FEATURE_KEYS, selection.examples
    )
    return build_golden_batch(
        selection.examples,
        schema_file.raw_features(schema, FEATURE_KEYS),
        {name: values[name] for name in model.transformed_names},
        model.answer(np.array(selection.examples, dtype=object)),
        selection.left_out,
    )


def column(batch, name):
    place = batch.raw_features.index(name)
    return {row.raw[place] for row in batch.rows}


@pytest.mark.parametrize("name", ["carrier", "origin", "dest", "plane_type", "month"])
def test_every_category_of_the_split_is_there(batch, flight_rows, name):  # noqa: F811
    assert column(batch, name) == {row[name] for row in flight_rows}


def test_every_pattern_of_missing_values_is_there(batch, flight_rows):  # noqa: F811
    in_split = {
        tuple(row[name] is None for name in FEATURE_KEYS) for row in flight_rows
    }
    golden = {tuple(value is None for value in row.raw) for row in batch.rows}
    assert golden == in_split


def test_both_sides_of_the_decision_are_there(batch):
    assert set(batch.expected_output("label")) == {"late", "on_time"}


def test_label_of_the_data_is_not_part_of_a_row(batch):
    assert batch.raw_features == FEATURE_KEYS
    assert LABEL_KEY not in batch.raw_features


def test_fewer_rows_name_what_found_no_room(split_file, schema, model):
    small = select_rows(
        [split_file],
        features=FEATURE_KEYS,
        categorical=categorical_features(schema, FEATURE_KEYS),
        answer=model.labels,
        max_rows=5,
    )
    assert len(small.examples) == 5
    assert any(name.startswith("dest=") for name in small.left_out)


def test_same_split_gives_the_same_rows(split_file, schema, model, selection):
    again = select_rows(
        [split_file],
        features=FEATURE_KEYS,
        categorical=categorical_features(schema, FEATURE_KEYS),
        answer=model.labels,
        max_rows=256,
    )
    assert again == selection


def test_ordinary_rows_fill_up_a_plain_split(tmp_path):
    path = tmp_path / "plain.gz"
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for place in range(MIN_ROWS + 10):
            writer.write(example(miles=float(place)))
    plain = select_rows(
        [str(path)],
        features=("miles",),
        categorical=frozenset(),
        answer=lambda examples: ["late"] * len(examples),
        max_rows=256,
    )
    assert len(plain.examples) == MIN_ROWS


def test_session_agrees_with_the_expectations(batch, schema, exported):  # noqa: F811
    """The v1 loader, another way than the one the expectations came from."""
    features = schema_file.raw_features(schema, FEATURE_KEYS)
    session = SessionModel(str(exported / "model"))
    answers = session.call(
        "serving_default", golden_batch.named_tensors(batch, features)
    )
    np.testing.assert_allclose(
        answers["probability"], batch.expected_output("probability"), atol=1e-6
    )


def test_row_next_to_the_decision_is_left_out():
    outputs = {
        "label": np.array([b"no", b"no", b"yes", b"yes"], dtype=object),
        "probability": np.array([0.1, 0.49999, 0.50001, 0.9], dtype=np.float32),
    }
    examples = [example(miles=float(place)) for place in range(4)]
    kept = build_golden_batch(
        examples, [MILES], {"x": np.arange(4)}, outputs, left_out=()
    )
    assert [row.raw for row in kept.rows] == [(0.0,), (3.0,)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_answer_that_is_not_finite_is_refused(value):
    outputs = {
        "label": np.array([b"no"], dtype=object),
        "probability": np.array([value], dtype=np.float32),
    }
    with pytest.raises(ModelRefusedError, match="'probability' of a real row"):
        build_golden_batch([example(miles=1.0)], [MILES], {}, outputs, left_out=())


def example(**values):
    feature = {}
    for name, value in values.items():
        if isinstance(value, bytes):
            kind = {"bytes_list": tf.train.BytesList(value=[value])}
        elif isinstance(value, int):
            kind = {"int64_list": tf.train.Int64List(value=[value])}
        else:
            kind = {"float_list": tf.train.FloatList(value=[value])}
        feature[name] = tf.train.Feature(**kind)
    return tf.train.Example(
        features=tf.train.Features(feature=feature)
    ).SerializeToString()


@pytest.mark.parametrize(
    ("serialized", "values"),
    [
        (example(miles=0.1, flight=7, origin=b"JFK"), (0.1, 7, "JFK")),
        (example(), (None, None, None)),
        (example(miles=float("nan"), origin=b""), (None, None, None)),
        (example(miles=-0.0, origin="Zürich".encode()), (-0.0, None, "Zürich")),
    ],
    ids=["present", "absent", "written as missing", "unicode"],
)
def test_raw_values_are_plain_json(serialized, values):
    assert raw_values(serialized, [MILES, FLIGHT, ORIGIN]) == values


def test_model_without_the_signatures_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(
        ModelRefusedError,
        match=r"signature 'serving_examples' is missing; the model has none\.",
    ):
        ExportedModel(str(tmp_path))


def test_whole_numbers_in_a_short_range_are_categories():
    schema = schema_pb2.Schema()
    for name, kind in (("origin", schema_pb2.BYTES), ("miles", schema_pb2.FLOAT)):
        schema.feature.add(name=name, type=kind)
    schema.feature.add(name="month", type=schema_pb2.INT).int_domain.min = 1
    schema.feature[-1].int_domain.max = 12
    schema.feature.add(name="flight", type=schema_pb2.INT)

    names = ("origin", "miles", "month", "flight")
    assert categorical_features(schema, names) == {"origin", "month"}


def test_configuration_knows_the_most_golden_rows():
    assert golden_batch.MAX_ROWS == MAX_GOLDEN_ROWS
