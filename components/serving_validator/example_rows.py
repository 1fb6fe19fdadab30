"""Takes the first rows of a split as a client would send them: without the label."""

from collections.abc import Iterable
from pathlib import Path

from components.columnar_examples.split_files import list_split_files


def write_request_rows(
    examples_uri: str,
    split: str,
    rows_file: Path,
    *,
    num_rows: int,
    drop: Iterable[str],
) -> int:
    """Copies up to num_rows tf.Examples of a split, without some columns.

    Args:
        examples_uri: Folder of an Examples artifact, gzipped TFRecords.
        split: Name of the split.
        rows_file: The TFRecord to write, not compressed.
        num_rows: Rows at most, taken from the files in order of their names.
        drop: Columns that no request holds, such as the label.

    Returns:
        The number of rows written.
    """
    import tensorflow as tf

    dropped = list(drop)
    files = list_split_files(examples_uri, split)
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").take(num_rows)
    count = 0
    with tf.io.TFRecordWriter(str(rows_file)) as writer:
        for record in records:
            example = tf.train.Example.FromString(record.numpy())
            for name in dropped:
                example.features.feature.pop(name, None)
            writer.write(example.SerializeToString())
            count += 1
    return count
