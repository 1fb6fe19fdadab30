"""summary.json: what a scoring came to.

    {"format": "slipway-score-summary", "format_version": 1,
     "bundle": {"name", "version", "digest"},
     "options": {"output_format", "key", "keep", "on_bad_rows", "max_unknown_rate"},
     "num_rows": 336776, "num_scored": 336770, "num_quarantined": 6,
     "quarantined": {"out_of_range": 6}, "labels": {"on_time": …, "late": …},
     "features": [{"name": "carrier", "missing_fraction": 0.0,
                   "training_missing_fraction": 0.0, "unknown_fraction": 0.001,
                   "num_unknown": 337, "unknown_examples": {"XX": 300, …}}, …],
     "ignored_files": […],
     "parts": [{"path", "num_rows", "num_scored", "size_bytes", "sha256"}, …],
     "num_resumed_parts": 0, "wall_s": 4.1, "scored_per_s": 82140.5}

unknown_fraction is null for numbers and for features of which the training statistics
do not list every value: there it is not known. wall_s, in seconds, and scored_per_s are
of the process that wrote the file: parts that an earlier one had scored do not count.
Bundle, verification and the start of TensorFlow and Beam are not in wall_s.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from serving.batch_scoring.part_files import PartResult
from serving.batch_scoring.plan import ScoreOptions
from serving.bundle.contract import SealedContract
from serving.input_statistics import CategoryCounts, TrainingFeature

FORMAT = "slipway-score-summary"
FORMAT_VERSION = 1
_DIGITS = 6


def bundle_identity(sealed: SealedContract) -> dict[str, Any]:
    """Returns name, version and digest of a bundle."""
    model = sealed.contract.model
    return {"name": model.name, "version": model.version, "digest": sealed.digest}


def count_rows(results: Sequence[PartResult]) -> dict[str, Any]:
    """Adds up rows, reasons and labels of all parts."""
    quarantined: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for result in results:
        quarantined.update(result.quarantined)
        labels.update(result.labels)
    return {
        "num_rows": sum(result.num_rows for result in results),
        "num_scored": sum(result.num_scored for result in results),
        "num_quarantined": quarantined.total(),
        "quarantined": dict(sorted(quarantined.items())),
        "labels": dict(labels),
    }


def describe_features(
    results: Sequence[PartResult],
    unknown: Mapping[str, CategoryCounts],
    training: Mapping[str, TrainingFeature],
) -> list[dict[str, Any]]:
    """Sets each feature's missing and unknown values beside the training rows'."""
    missing: Counter[str] = Counter()
    for result in results:
        missing.update(result.missing)
    num_read = sum(result.num_read for result in results)
    described = []
    for name, count in missing.items():
        counts = unknown.get(name)
        at_training = training[name].missing_fraction if name in training else None
        described.append(
            {
                "name": name,
                "missing_fraction": _rounded(count / num_read if num_read else 0.0),
                "training_missing_fraction": _rounded(at_training),
                "unknown_fraction": _rounded(
                    counts.unknown_fraction if counts else None
                ),
                "num_unknown": counts.num_unknown if counts else None,
                "unknown_examples": dict(counts.examples) if counts else None,
            }
        )
    return described


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, _DIGITS)


def describe_parts(results: Sequence[PartResult]) -> list[dict[str, Any]]:
    """Lists the output files."""
    return [
        {
            "path": result.path,
            "num_rows": result.num_rows,
            "num_scored": result.num_scored,
            "size_bytes": result.size_bytes,
            "sha256": result.sha256,
        }
        for result in results
    ]


def describe_options(options: ScoreOptions, max_unknown_rate: float) -> dict[str, Any]:
    """Returns the options that the rows and the checks depended on."""
    return {**asdict(options), "max_unknown_rate": max_unknown_rate}


def encode_summary(fields: Mapping[str, Any]) -> bytes:
    """Returns the bytes of summary.json."""
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **fields}
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
