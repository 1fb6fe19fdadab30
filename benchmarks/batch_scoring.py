"""`slipway score` beside the usual ways to score a file, on the same rows and model.

    python -m benchmarks.batch_scoring BUNDLE [SPANS]

SPANS is a folder of the flights spans, var/flights/spans if left out. Measured, each
in a process of its own; imports (and verifying the bundle) are not in the seconds:

    slipway score           all rows, Parquet
    slipway score x10       ten copies of the files; its memory should be the same
    slipway score, examples the same TFRecord of tf.Examples that BulkInferrer reads
    TFX BulkInferrer        TFX's own executor on 50,000 rows; all of them take minutes.
                            It answers with probabilities only, for it fails on text
    signature, row by row   tf.saved_model.load, 300 rows, one a call
    model.predict           Keras around the same signature, 300 rows, one a call

Rows of the smaller samples are scaled to rows a second.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from serving.bundle.contract import Contract, read_contract

ROWS_ONE_BY_ONE = 300
ROWS_OF_EXAMPLES = 50_000
COPIES = 10
_RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
_EXAMPLES_FOLDER = "Split-all"
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One way to score.

    Attributes:
        name: What it is.
        rows: Rows it scored.
        scoring_s: Seconds for these rows.
        start_s: Seconds of the process before and after.
        peak_bytes: Its largest resident set.
    """

    name: str
    rows: int
    scoring_s: float
    start_s: float
    peak_bytes: int

    @property
    def rows_per_s(self) -> float:
        """Rows a second."""
        return self.rows / self.scoring_s


def main() -> int:
    """Prints the table; returns 0."""
    if len(sys.argv) not in (2, 3):
        sys.stderr.write("usage: python -m benchmarks.batch_scoring BUNDLE [SPANS]\n")
        return 2
    bundle = Path(sys.argv[1]).resolve()
    spans = Path(sys.argv[2] if len(sys.argv) > 2 else "var/flights/spans")  # noqa: PLR2004
    files = sorted(spans.resolve().rglob("*.parquet"))
    folder = Path(tempfile.mkdtemp(dir=spans.resolve().parent, prefix="_benchmark-"))
    try:
        measured = measure(bundle, files, folder)
    finally:
        shutil.rmtree(folder)
    print_table(measured)
    return 0


def measure(bundle: Path, files: list[Path], folder: Path) -> list[Measured]:
    """Runs everything; folder is for copies and outputs."""
    copies = folder / "copies"
    copies.mkdir()
    for place, path in enumerate(files * COPIES):
        os.link(path, copies / f"{place:04d}.parquet")
    examples = folder / "examples"
    (examples / _EXAMPLES_FOLDER).mkdir(parents=True)
    # In a process of its own: a child's peak memory counts from its parent's size.
    child("examples", "examples", bundle, examples, files[0].parents[1])
    sample = folder / "sample.parquet"
    pq.write_table(pq.read_table(files[0]).slice(0, ROWS_ONE_BY_ONE), sample)
    inputs = [str(path) for path in files]
    return [
        slipway("slipway score", bundle, inputs, folder / "1"),
        slipway(f"slipway score x{COPIES}", bundle, [str(copies)], folder / "2"),
        slipway("slipway score, examples", bundle, [str(examples)], folder / "3"),
        child("TFX BulkInferrer", "bulk", bundle, examples),
        child("signature, row by row", "signature", bundle, sample),
        child("model.predict, row by row", "predict", bundle, sample),
    ]


def slipway(name: str, bundle: Path, inputs: list[str], output: Path) -> Measured:
    """Runs the command and takes rows and seconds from its summary."""
    arguments = [argument for path in inputs for argument in ("--input", path)]
    command = ["pipeline.cli", "score", str(bundle), *arguments]
    wall_s, peak_bytes = run([*command, "--output", str(output)])
    summary = json.loads((output / "summary.json").read_bytes())
    return Measured(
        name=name,
        rows=summary["num_scored"],
        scoring_s=summary["wall_s"],
        start_s=wall_s - summary["wall_s"],
        peak_bytes=peak_bytes,
    )


def child(name: str, way: str, bundle: Path, *paths: Path) -> Measured:
    """Runs one of WAYS in a process of its own."""
    with tempfile.NamedTemporaryFile() as file:
        arguments = [way, file.name, str(bundle), *map(str, paths)]
        wall_s, peak_bytes = run(["benchmarks.batch_scoring", *arguments])
        found = json.loads(Path(file.name).read_bytes())
    return Measured(
        name=name,
        rows=found["rows"],
        scoring_s=found["scoring_s"],
        start_s=wall_s - found["scoring_s"],
        peak_bytes=peak_bytes,
    )


def run(module_and_arguments: list[str]) -> tuple[float, int]:
    """Runs a module; returns wall seconds and peak bytes of the process.

    Raises:
        RuntimeError: It failed; its last words are in the text.
    """
    with tempfile.TemporaryFile() as file:
        started = time.monotonic()
        process = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", *module_and_arguments],
            {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, file.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, file.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(process, 0)
        wall_s = time.monotonic() - started
        if status:
            file.seek(0)
            raise RuntimeError(file.read().decode("utf-8", "replace")[-3000:])
    return wall_s, usage.ru_maxrss * 1024


def write_examples(bundle: str, folder: str, spans: str) -> tuple[int, float]:
    """Writes the first rows as a TFRecord of tf.Examples: features and key."""
    import tensorflow as tf
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    started = time.monotonic()
    files = sorted(Path(spans).rglob("*.parquet"))
    path = Path(folder) / _EXAMPLES_FOLDER / "data_tfrecord.gz"
    contract = read_contract(Path(bundle)).contract
    names = [contract.key, *contract.feature_names]
    tables = [pq.read_table(file, columns=names) for file in files]
    rows = pa.concat_tables(tables).slice(0, ROWS_OF_EXAMPLES).combine_chunks()
    lists = [as_lists(column.chunk(0)) for column in rows.columns]
    batch = pa.RecordBatch.from_arrays(lists, names)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for example in RecordBatchToExamplesEncoder().encode(batch):
            writer.write(example)
    return rows.num_rows, time.monotonic() - started


def as_lists(column: pa.Array) -> pa.Array:
    """Returns lists of one value, or of none for null."""
    if pa.types.is_string(column.type):
        column = column.cast(pa.binary())
    ends = np.cumsum(column.is_valid().to_numpy(zero_copy_only=False))
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    return pa.ListArray.from_arrays(offsets, column.drop_null())


def rows_one_by_one(contract: Contract, path: str) -> Iterator[dict[str, object]]:
    """Yields rows as the named tensors of serving_default."""
    import tensorflow as tf

    for row in pq.read_table(path).to_pylist():
        tensors = {}
        for feature in contract.raw_features:
            value = row[feature.name]
            is_text = feature.dtype == "string"
            missing = "" if is_text else float("nan")
            tensors[feature.name] = tf.constant(
                [missing if value is None else value],
                tf.string if is_text else tf.float32,
            )
        yield tensors


def by_signature(bundle: str, rows: str) -> tuple[int, float]:
    """Calls the signature of tf.saved_model.load once a row."""
    import tensorflow as tf

    inputs = list(rows_one_by_one(read_contract(Path(bundle)).contract, rows))
    loaded = tf.saved_model.load(bundle)
    signature = loaded.signatures["serving_default"]
    return timed(lambda row: signature(**row), inputs)


def by_predict(bundle: str, rows: str) -> tuple[int, float]:
    """Calls a Keras model's predict once a row."""
    import keras
    import tensorflow as tf

    contract = read_contract(Path(bundle)).contract
    inputs = list(rows_one_by_one(contract, rows))
    loaded = tf.saved_model.load(bundle)

    class Signature(keras.layers.Layer):  # type: ignore[misc]
        """The bundle's signature; keras.layers.TFSMLayer takes no named tensors."""

        def call(self, inputs: dict[str, object]) -> object:
            return loaded.signatures["serving_default"](**inputs)

    places = {
        feature.name: keras.Input((), dtype=feature.dtype, name=feature.name)
        for feature in contract.raw_features
    }
    model = keras.Model(places, Signature()(places))
    return timed(lambda row: model.predict(row, verbose=0), inputs)


def timed(
    call: Callable[[dict[str, object]], object], rows: list[dict[str, object]]
) -> tuple[int, float]:
    """Times one call a row; the first call traces and is left out."""
    call(rows[0])
    started = time.monotonic()
    for row in rows:
        call(row)
    return len(rows), time.monotonic() - started


def by_bulk_inferrer(bundle: str, examples: str) -> tuple[int, float]:
    """Runs TFX's BulkInferrer on a folder of examples."""
    from tfx.components.bulk_inferrer import executor
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.proto import bulk_inferrer_pb2
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    inputs = standard_artifacts.Examples()
    inputs.uri, inputs.split_names = examples, '["all"]'
    with tempfile.TemporaryDirectory() as folder:
        model, results = (
            standard_artifacts.Model(),
            standard_artifacts.InferenceResult(),
        )
        model.uri, results.uri = f"{folder}/model", f"{folder}/results"
        export_numbers(bundle, f"{folder}/model/Format-Serving")
        spec = bulk_inferrer_pb2.ModelSpec(
            model_signature_name=["serving_default"], tag=["serve"]
        )
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=[_RUNNER], tmp_dir=folder, unique_id="1"
        )
        started = time.monotonic()
        executor.Executor(context).Do(
            {"examples": [inputs], "model": [model]},
            {"inference_result": [results]},
            {
                "model_spec": proto_utils.proto_to_json(spec),
                "data_spec": proto_utils.proto_to_json(bulk_inferrer_pb2.DataSpec()),
            },
        )
        scoring_s = time.monotonic() - started
        return count_records(Path(folder) / "results"), scoring_s


def export_numbers(bundle: str, model_dir: str) -> None:
    """Exports the model once more, without the text of its answer.

    BulkInferrer fails on a text output: 'bytes' object has no attribute 'dtype'.
    """
    import tensorflow as tf

    model = tf.saved_model.load(bundle)
    both = model.signatures["serving_examples"]
    probability = tf.function(
        lambda examples: {"probability": both(examples=examples)["probability"]},
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(model, model_dir, signatures=probability)


def count_records(folder: Path) -> int:
    """Counts the records of all TFRecords in a folder."""
    import tensorflow as tf

    paths = [str(path) for path in folder.rglob("*.gz")]
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP")
    return int(records.reduce(0, lambda count, _: count + 1).numpy())


WAYS: dict[str, Callable[..., tuple[int, float]]] = {
    "examples": write_examples,
    "signature": by_signature,
    "predict": by_predict,
    "bulk": by_bulk_inferrer,
}


def print_table(measured: list[Measured]) -> None:
    """Prints every way, and how many times as fast the first is."""
    table = Table("way", box=None)
    for heading in ("rows", "seconds", "rows/s", "times slower", "start s", "peak MiB"):
        table.add_column(heading, justify="right")
    first = measured[0]
    for way in measured:
        table.add_row(
            way.name,
            f"{way.rows:,}",
            f"{way.scoring_s:.1f}",
            f"{way.rows_per_s:,.0f}",
            f"{first.rows_per_s / way.rows_per_s:,.2f}",
            f"{way.start_s:.1f}",
            f"{way.peak_bytes / _MIB:,.0f}",
        )
    console = Console(width=110)
    console.print(table)
    ratio = measured[1].peak_bytes / first.peak_bytes
    console.print(f"peak memory of x{COPIES} beside x1: {ratio:.2f}")


def answer_way(arguments: list[str]) -> int:
    """Runs one way in this process and writes what it measured to a file."""
    way, report, *rest = arguments
    count, scoring_s = WAYS[way](*rest)
    Path(report).write_text(json.dumps({"rows": count, "scoring_s": scoring_s}))
    return 0


if __name__ == "__main__":
    is_way = len(sys.argv) > 1 and sys.argv[1] in WAYS
    sys.exit(answer_way(sys.argv[1:]) if is_way else main())
