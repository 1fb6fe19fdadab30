"""Rides to be scored, written as files of each format, and scores read back."""

import csv
import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import tensorflow as tf

from serving.batch_scoring.score_files import ScoreRequest, score_files
from tests.serving.tiny_rides import train_rows

COLUMNS = ("ride_id", "miles", "month", "carrier", "note")
TYPES = pa.schema(
    [
        ("ride_id", pa.string()),
        ("miles", pa.float32()),
        ("month", pa.int64()),
        ("carrier", pa.string()),
        ("note", pa.string()),
    ]
)


def make_rides(count, first=0):
    """Returns rides as dicts; some values are missing; keys look like numbers."""
    rows = train_rows()
    return [
        {
            "ride_id": f"{place:05d}",
            "miles": rows[place % 1000][0],
            "month": rows[place % 1000][1],
            "carrier": rows[place % 1000][2],
            "note": f'seat {place},\n"window"' if place % 7 == 0 else f"{place}",
        }
        for place in range(first, first + count)
    ]


def write_csv(path, rides, columns=COLUMNS):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for ride in rides:
            values = [ride[name] for name in columns]
            writer.writerow(["" if value is None else value for value in values])
    return path


def write_parquet(path, rides, **options):
    pq.write_table(pa.Table.from_pylist(rides, TYPES), path, **options)
    return path


def write_tfrecord(path, rides):
    kinds = {float: "float_list", int: "int64_list", str: "bytes_list"}
    compression = "GZIP" if path.name.endswith(".gz") else ""
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for ride in rides:
            example = tf.train.Example()
            for name, value in ride.items():
                if value is not None:
                    values = getattr(
                        example.features.feature[name], kinds[type(value)]
                    ).value
                    values.append(value.encode() if isinstance(value, str) else value)
            writer.write(example.SerializeToString())
    return path


def score(bundle, inputs, output, **options):
    """Scores and returns the summary."""
    paths = inputs if isinstance(inputs, list) else [inputs]
    request = ScoreRequest(
        bundle=bundle, inputs=tuple(map(str, paths)), output=output, **options
    )
    return score_files(request).summary


def read_scores(output):
    """Returns all scored rows, in order, as one table."""
    parquet = [pq.read_table(path) for path in sorted(output.glob("part-*.parquet"))]
    texts = [pyarrow.csv.read_csv(path) for path in sorted(output.glob("part-*.csv"))]
    return pa.concat_tables(parquet + texts)


def read_quarantine(output):
    return [
        json.loads(line)
        for path in sorted((output / "quarantine").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def digests(output):
    """Returns part to SHA-256, size left out, as summary.json has them."""
    summary = json.loads((output / "summary.json").read_bytes())
    return {part["path"]: part["sha256"] for part in summary["parts"]}
