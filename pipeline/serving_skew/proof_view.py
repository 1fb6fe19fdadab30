"""A proof of skew in words, for a terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from serving.skew_proof.proof_report import BundleProof, ColumnDifference, SkewProof

if TYPE_CHECKING:  # needs TFDV
    from pipeline.serving_skew.compare_statistics import Distributions

_MAX_COLUMNS = 10
_SHOWN_DIGITS = 12


def in_words(proof: SkewProof) -> str:
    """Returns the proof as lines, the verdict first."""
    return "\n".join(_lines(proof)) + "\n"


def _lines(proof: SkewProof) -> Iterator[str]:
    verdict = "EQUAL" if proof.is_equal else "DIFFERENT"
    yield f"{verdict}  {proof.num_rows:,} logged rows of {proof.model} replayed"
    for bundle in proof.bundles:
        yield from _bundle_lines(bundle)
    for unproven in proof.unproven:
        yield f"! {unproven.num_rows:,} rows were not replayed: {unproven.reason}"


def _bundle_lines(bundle: BundleProof) -> Iterator[str]:
    yield (
        f"version {bundle.version}, bundle {bundle.bundle_digest[:_SHOWN_DIGITS]}: "
        f"{bundle.num_differing:,} of {bundle.num_rows:,} rows differ"
    )
    against = bundle.replayed_on
    if bundle.transform_graph:
        against += f" and {bundle.transform_graph}"
    yield f"  against    {against}"
    yield (
        f"  compared   transformed features of {bundle.num_transformed:,} rows, "
        f"outputs of {bundle.num_outputs:,}"
    )
    for difference in bundle.files:
        yield f"  file       {difference.sentence}."
    for column in bundle.columns[:_MAX_COLUMNS]:
        yield from _column_lines(column)
    rest = [column.column for column in bundle.columns[_MAX_COLUMNS:]]
    if rest:
        yield f"  and        {len(rest)} more: {', '.join(rest)}"
    for told in bundle.not_compared:
        yield f"  ! {told}"


def _column_lines(column: ColumnDifference) -> Iterator[str]:
    yield f"  differs    {column.sentence}."
    if column.cause:
        yield f"  cause      {column.cause}."


def distributions_in_words(found: "Distributions") -> str:
    """Returns TFDV's comparison as lines, one a comparator."""
    lines = [f"{found.num_rows:,} logged rows against the training statistics"]
    for one in found.features:
        mark = "SKEW" if one.alarmed else "ok"
        lines.append(
            f"  {mark:10} {one.feature}: {one.measure} {one.value:.4f}, the schema "
            f"allows {one.threshold:g}"
        )
    lines += [f"  ! {told}." for told in found.not_judged]
    return "\n".join(lines) + "\n"
