"""Reads what earlier stages wrote about each split.

{anomalies.uri}/Split-train/SchemaDiff.pb       anomalies_pb2.Anomalies, binary
{statistics.uri}/Split-train/FeatureStats.pb    DatasetFeatureStatisticsList, binary
{examples.uri}/Split-train/*                    gzipped TFRecords of tf.Example
"""

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

# `tfx.v1` has the same fileio but takes 8 s to import.
from tfx.dsl.io import fileio

from components.anomaly_gate.count_values import count_outside
from components.anomaly_gate.domains import Domain
from components.anomaly_gate.judge import Count, SplitEvidence
from components.anomaly_gate.outside_values import OutsideValues
from data.errors import DataContractError

SPLITS = ("train", "eval")
ANOMALIES_FILE = "SchemaDiff.pb"
STATISTICS_FILE = "FeatureStats.pb"


def load_evidence(
    anomalies_uri: str, statistics_uri: str, examples_uri: str | None
) -> list[SplitEvidence]:
    """Returns what is known about "train" and "eval".

    Args:
        anomalies_uri: ExampleValidator's output.
        statistics_uri: StatisticsGen's output.
        examples_uri: ExampleGen's output; read only where a count needs it. None:
            not at hand.

    Raises:
        DataContractError: A split was not validated or has no statistics. A gate
            that sees nothing must not open.
    """
    return [
        SplitEvidence(
            split=split,
            anomalies=anomalies_pb2.Anomalies.FromString(
                _read(anomalies_uri, split, ANOMALIES_FILE)
            ),
            statistics=_statistics(statistics_uri, split),
            count=_counter(examples_uri, split),
        )
        for split in SPLITS
    ]


def _statistics(uri: str, split: str) -> statistics_pb2.DatasetFeatureStatistics:
    content = _read(uri, split, STATISTICS_FILE)
    parts = statistics_pb2.DatasetFeatureStatisticsList.FromString(content)
    if not parts.datasets:
        raise DataContractError(
            f"{uri}/Split-{split}/{STATISTICS_FILE} describes no data. Run the "
            "statistics again."
        )
    # Slices, where StatisticsGen was asked for them, follow the whole.
    return parts.datasets[0]


def _read(uri: str, split: str, name: str) -> bytes:
    path = f"{uri}/Split-{split}/{name}"
    if not fileio.exists(path):
        raise DataContractError(
            f"{path} does not exist: split {split!r} was not looked at. Take it out of "
            "exclude_splits of StatisticsGen and ExampleValidator."
        )
    with fileio.open(path, "rb") as file:
        content: bytes = file.read()
    return content


def _counter(examples_uri: str | None, split: str) -> Count | None:
    files = fileio.glob(f"{examples_uri}/Split-{split}/*") if examples_uri else []
    if not files:
        return None

    def count(
        domains: Mapping[str, Domain],
        found: Mapping[str, OutsideValues],
        types: Mapping[str, int],
    ) -> Mapping[str, OutsideValues]:
        return count_outside(files, domains, found, types)

    return count
