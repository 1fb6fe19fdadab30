"""Reading spans' files, and what is said when one is not as promised."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.columnar_example_gen.source_files import (
    SourceFile,
    check_columns,
    labelled_times,
)
from data.spans import DataContractError


def csv(tmp_path, text, span=1, kinds=None):
    path = tmp_path / f"{span}.csv"
    path.write_text(text)
    return SourceFile(path=str(path), span=span, csv_kinds=kinds or {})


def parquet(tmp_path, columns, span=1):
    path = tmp_path / f"{span}.parquet"
    pq.write_table(pa.table(columns), path)
    return SourceFile(path=str(path), span=span, csv_kinds={})


def test_schema_decides_the_types_of_a_csv_file(tmp_path):
    file = csv(tmp_path, "code,n\n007,1\n,2\n", kinds={"code": "bytes", "n": "float"})

    (batch,) = file.batches()

    assert batch.to_pydict() == {"code": ["007", None], "n": [1.0, 2.0]}


def test_value_of_the_wrong_type_in_a_csv_file_is_named(tmp_path):
    file = csv(tmp_path, "n\n1\nmany\n", kinds={"n": "int"})
    with pytest.raises(
        DataContractError, match=r"1\.csv of span 1 cannot be read: .*many"
    ):
        list(file.batches())


def test_broken_parquet_file_is_named(tmp_path):
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    file = SourceFile(path=str(path), span=3, csv_kinds={})
    with pytest.raises(DataContractError, match=r"broken\.parquet of span 3 cannot"):
        list(file.batches())


def test_column_whose_type_differs_between_spans_is_refused(tmp_path):
    files = [
        parquet(tmp_path, {"t": [1], "x": [1.5]}, span=1),
        parquet(tmp_path, {"t": [1], "x": ["1.5"]}, span=2),
    ]
    with pytest.raises(
        DataContractError,
        match=r"column 'x' is string in 2\.parquet of span 2, but double in span 1",
    ):
        check_columns(files, ["t"])


def test_required_column_that_is_missing_is_refused(tmp_path):
    with pytest.raises(DataContractError, match=r"has no column 'is_late'"):
        check_columns([parquet(tmp_path, {"t": [1]})], ["t", "is_late"])


def test_only_labelled_rows_count_for_the_cut(tmp_path):
    file = parquet(tmp_path, {"t": [10, 20, 30], "y": [1, None, 0]})

    assert labelled_times([file], "t", "y")[1].tolist() == [10, 30]
