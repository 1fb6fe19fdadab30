"""What a soak prints: a line a slice, and what all of them say."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.process_usage import ProcessUsage

ALLOWED_GROWTH = 0.05
"""The share by which memory may be above that after the warm-up."""
ALLOWED_FILES = 4
"""File descriptors by which a quiet server may differ: gRPC's own come and go."""

HEADINGS = (
    "slice", "requests so far", "requests/s", "gRPC/s", "failed", "p50 ms", "p99 ms",
    "swap", "RSS MiB", "files", "threads",
)  # fmt: skip
_WIDTHS = (5, 15, 10, 7, 6, 7, 7, 14, 8, 6, 7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """What came of one slice.

    Attributes:
        total_requests: Answered since the start, over REST and gRPC.
        rest_per_s, grpc_per_s: Requests a second.
        failed: Requests of this slice that got no answer or an error.
        p50_ms, p99_ms: Of REST requests.
        swap: Such as "2 -> 3 1.4 s"; "": the version stayed.
        usage: Of the server after it.
    """

    total_requests: int
    rest_per_s: float
    grpc_per_s: float
    failed: int
    p50_ms: float
    p99_ms: float
    swap: str
    usage: ProcessUsage


def heading() -> str:
    """Returns the table's first line."""
    return _aligned(HEADINGS)


def line(number: int, found: Slice) -> str:
    """Returns a slice's line."""
    return _aligned(
        (
            str(number),
            f"{found.total_requests:,}",
            f"{found.rest_per_s:,.0f}",
            f"{found.grpc_per_s:,.0f}",
            str(found.failed),
            f"{found.p50_ms:.1f}",
            f"{found.p99_ms:.1f}",
            found.swap or "-",
            f"{found.usage.rss_mib:,.0f}",
            str(found.usage.num_files),
            str(found.usage.num_threads),
        )
    )


def _aligned(cells: Sequence[str]) -> str:
    return "  ".join(
        cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True)
    )


def swap_latency(slices: Sequence[Slice]) -> str:
    """Says what a swap costs: the worst latencies of slices with and without one."""

    def worst(found: Sequence[Slice]) -> str:
        if not found:
            return "none"
        p50 = max(one.p50_ms for one in found)
        return f"p50 {p50:.1f} ms, p99 {max(one.p99_ms for one in found):.1f} ms"

    swapped = [one for one in slices if one.swap]
    steady = [one for one in slices if not one.swap]
    return (
        f"Worst slice with a swap: {worst(swapped)}; without: {worst(steady)}; "
        f"{len(swapped)} swaps."
    )


def verdict(slices: Sequence[Slice], warmup_slices: int) -> tuple[bool, str]:
    """Judges memory, descriptors and failures.

    Args:
        slices: All of them, more than warmup_slices.
        warmup_slices: The last of so many slices is what the others are compared
            with; > 0.

    Returns:
        Whether all is well, and a sentence.
    """
    first, last = slices[warmup_slices - 1].usage, slices[-1].usage
    growth = last.rss_mib / first.rss_mib - 1
    failed = sum(one.failed for one in slices)
    is_flat = growth <= ALLOWED_GROWTH
    keeps_files = last.num_files <= first.num_files + ALLOWED_FILES
    memory = (
        f"{'Memory flat' if is_flat else 'MEMORY GREW'}: the last slice's RSS, "
        f"{last.rss_mib:,.0f} MiB, is {growth:+.1%} against the {first.rss_mib:,.0f} "
        f"MiB after warm-up (slice {warmup_slices}); allowed is {ALLOWED_GROWTH:+.0%}."
    )
    sentences = [memory, f"{f'{failed:,}' if failed else 'No'} requests failed."]
    if not keeps_files:
        sentences.append(
            f"DESCRIPTORS GREW: {last.num_files} files against {first.num_files}."
        )
    return is_flat and keeps_files and not failed, " ".join(sentences)
