"""Byte ranges of a CSV reunite to exactly the records that csv.reader reads."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.batch_scoring import csv_files
from serving.batch_scoring.csv_records import scan_csv
from serving.batch_scoring.errors import InputRefusedError

# The characters that CSV is about, and a few that are more than one byte.
TEXTS = st.text(alphabet='a0,"\n\r é', max_size=6)


@st.composite
def csv_texts(draw):
    width = draw(st.integers(1, 3))
    records = draw(
        st.lists(st.lists(TEXTS, min_size=width, max_size=width), max_size=12)
    )
    file = io.StringIO(newline="")
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(file, lineterminator=ending, quoting=quoting)
    writer.writerow([f"column {place}" for place in range(width)])
    for record in records:
        if ending == "\n" and quoting == csv.QUOTE_MINIMAL:
            # Python 3.12 then leaves a carriage return bare, and cannot read it back.
            record = [value.replace("\r", "") for value in record]  # noqa: PLW2901
        writer.writerow(record)
        if draw(st.booleans()):
            file.write(ending)  # a blank line is no record
    text = file.getvalue()
    return text.rstrip("\r\n") if draw(st.booleans()) and not records else text


@given(
    text=csv_texts(),
    range_bytes=st.integers(1, 40),
    chunk_bytes=st.integers(1, 30),
    has_bom=st.booleans(),
)
def test_ranges_reunite_to_the_records(
    tmp_path_factory, text, range_bytes, chunk_bytes, has_bom
):
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_bytes((b"\xef\xbb\xbf" if has_bom else b"") + text.encode())
    expected = [
        record for record in csv.reader(io.StringIO(text, newline="")) if record
    ]

    layout = scan_csv(path, range_bytes, chunk_bytes)

    content = path.read_bytes()
    found = [_records(content[slice(*layout.header)])]
    row = 1
    for part in layout.ranges:
        records = _records(content[part.start : part.end])
        assert (part.first_row, part.num_rows) == (row, len(records))
        row += len(records)
        found.append(records)
    assert [record for part in found for record in part] == expected
    bounds = [layout.header[1]]
    for part in layout.ranges:
        assert part.start >= bounds[-1]
        bounds.append(part.end)


def _records(content):
    text = io.StringIO(content.decode(), newline="")
    return [record for record in csv.reader(text) if record]


@given(text=csv_texts(), range_bytes=st.integers(1, 60))
def test_readers_find_the_same_values(tmp_path_factory, text, range_bytes):
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_bytes(text.encode())
    header, *expected = _records(text.encode())
    slices = csv_files.slice_file(scan_csv(path, range_bytes))
    found, rows = [], []
    for part in slices:
        for batch in csv_files.read_batches(path, part, header, batch_rows=3):
            assert not batch.rejected
            columns = [batch.columns[name].to_pylist() for name in header]
            found += [
                [(value or b"").decode() for value in record]
                for record in zip(*columns, strict=True)
            ]
            rows += batch.rows.tolist()
    assert found == expected
    assert rows == list(range(1, len(expected) + 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\n1,x"y\n', "row 1 .* a quotation mark within a field"),
        (b'a,b\n1,2\n1,"x"y\n', "row 2 .* a quotation mark within a field"),
        (b'a,b\n1,"x\n', "row 1 .* its last quotation mark is never closed"),
        (b"a,b\r1,2\r", "row 0 .* a carriage return without a newline"),
    ],
    ids=["in a field", "behind a field", "left open", "old Mac"],
)
@pytest.mark.parametrize("chunk_bytes", [1, 3, 1 << 20])
def test_what_rfc_4180_forbids_is_refused(tmp_path, content, message, chunk_bytes):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(InputRefusedError, match=message):
        scan_csv(path, chunk_bytes=chunk_bytes)


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_header_is_refused(tmp_path, content):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(InputRefusedError, match="it has no header line"):
        csv_files.read_header(path)


def test_header_may_hold_newlines(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\n"a\nb",c\n1,2\n')
    assert csv_files.read_header(path) == ["a\nb", "c"]
    assert scan_csv(path).ranges[0].num_rows == 1


def test_records_of_another_width_are_rejected_by_their_numbers(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,2\n3\n4,5\n6,7,8\n9,10\n")
    (part,) = csv_files.slice_file(scan_csv(path))
    first, second = csv_files.read_batches(path, part, ["b"])
    assert [(bad.row, bad.expected) for bad in first.rejected] == [
        (2, "2 fields as in the header, not 1"),
        (4, "2 fields as in the header, not 3"),
    ]
    assert second.rows.tolist() == [1, 3, 5]
    assert second.columns["b"].to_pylist() == [b"2", b"5", b"10"]


def test_a_record_longer_than_a_block_is_read(tmp_path):
    path = tmp_path / "rows.csv"
    long = "x" * (3 << 20)
    path.write_text(f'a,b\n1,2\n"{long}\n",3\n4,5\n')
    (part,) = csv_files.slice_file(scan_csv(path))
    (batch,) = csv_files.read_batches(path, part, ["a", "b"])
    assert batch.columns["b"].to_pylist() == [b"2", b"3", b"5"]
    assert batch.columns["a"][1].as_py() == f"{long}\n".encode()
