"""Reading spans' files, and what is said when one is not as promised."""

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from components.columnar_example_gen.source_files import SourceFile, check_columns
from data.file_formats import count_rows
from data.spans import DataContractError


def csv(tmp_path, text, span=1, kinds=None):
    path = tmp_path / f"{span}.csv"
    path.write_text(text)
    return SourceFile(path=str(path), span=span, csv_kinds=kinds or {})


def parquet(tmp_path, columns, span=1):
    path = tmp_path / f"{span}.parquet"
    pq.write_table(pa.table(columns), path)
    return SourceFile(path=str(path), span=span, csv_kinds={})


def rows_of(file, columns=None):
    chunks = list(file.read(columns or file.schema().names))
    return pa.Table.from_batches([chunk.batch for chunk in chunks]).to_pydict()


def test_schema_decides_the_types_of_a_csv_file(tmp_path):
    file = csv(tmp_path, "code,n\n007,1\n,2\n", kinds={"code": "bytes", "n": "float"})

    assert rows_of(file) == {"code": ["007", None], "n": [1.0, 2.0]}


@pytest.mark.parametrize("suffix", ["feather", "arrow", "orc", "csv.gz", "parquet"])
def test_every_format_gives_the_same_rows(tmp_path, suffix):
    table = pa.table({"n": [1, None, 3], "s": ["a", "b", None], "y": [1, 0, None]})
    path = tmp_path / f"rows.{suffix}"
    write_table(table, path)
    file = SourceFile(path=str(path), span=1, csv_kinds={})

    assert rows_of(file, ["s", "n"]) == {"s": ["a", "b", None], "n": [1, None, 3]}
    assert count_rows(path) == 3


def write_table(table, path):
    if path.suffix == ".orc":
        orc.write_table(table, path)
    elif path.suffix == ".gz":
        with pa.CompressedOutputStream(path, "gzip") as stream:
            pa.csv.write_csv(table, stream)
    elif path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        feather.write_feather(table, path)


@pytest.mark.parametrize("suffix", ["parquet", "feather", "orc", "csv.gz"])
def test_broken_file_is_named(tmp_path, suffix):
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(b"PAR1 and then nothing")
    file = SourceFile(path=str(path), span=3, csv_kinds={})
    with pytest.raises(DataContractError, match=rf"broken\.{suffix} of span 3 cannot"):
        list(file.read(["n"]))


def test_column_whose_type_differs_between_spans_is_refused(tmp_path):
    files = [
        parquet(tmp_path, {"t": [1], "x": [1.5]}, span=1),
        parquet(tmp_path, {"t": [1], "x": ["1.5"]}, span=2),
    ]
    with pytest.raises(
        DataContractError,
        match=r"column 'x' is string in 2\.parquet of span 2, but double in 1\.parquet",
    ):
        check_columns(files, ["t"])


def test_required_column_that_is_missing_is_refused(tmp_path):
    with pytest.raises(DataContractError, match=r"has no column 'is_late'"):
        check_columns([parquet(tmp_path, {"t": [1]})], ["t", "is_late"])
