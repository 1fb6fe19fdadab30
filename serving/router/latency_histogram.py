"""How long requests took, in buckets that grow with the time.

Bucket i holds times in [10 us * 2^(i/8), 10 us * 2^((i+1)/8)): eight a doubling, so a
quantile is known within 9.1 %, from ten microseconds to some three minutes. Buckets of
several processes and moments are added up, which quantiles themselves cannot be.

Source: the layout of OpenTelemetry's exponential histograms (scale 3),
https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

FIRST_BOUND_US = 10.0
BUCKETS_PER_DOUBLING = 8
NUM_BUCKETS = 24 * BUCKETS_PER_DOUBLING


@dataclass(kw_only=True, slots=True)
class LatencyHistogram:
    """Counts of times by bucket.

    Attributes:
        counts: Bucket number, 0 to NUM_BUCKETS - 1, to how many; empty ones are left
            out. The first and the last also hold what lies beyond them.
        sum_us: Of all times, microseconds.
    """

    counts: dict[int, int] = field(default_factory=dict)
    sum_us: float = 0.0

    @property
    def total(self) -> int:
        """How many times were added."""
        return sum(self.counts.values())

    def add(self, took_us: float) -> None:
        """Adds one time, microseconds, >= 0."""
        bucket = bucket_of(took_us)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.sum_us += took_us

    def add_all(self, other: "LatencyHistogram") -> None:
        """Adds the times of another histogram."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.sum_us += other.sum_us

    def quantile_us(self, share: float) -> float:
        """Returns the upper bound of the bucket that holds a quantile.

        Args:
            share: In (0, 1]; 0.99 for the 99th percentile.

        Returns:
            Microseconds; NaN where nothing was added.
        """
        wanted = math.ceil(share * self.total)
        so_far = 0
        for bucket in sorted(self.counts):
            so_far += self.counts[bucket]
            if so_far >= wanted:
                return upper_bound_us(bucket)
        return math.nan

    def as_json(self) -> dict[str, object]:
        """Returns what `from_json` reads."""
        counts = {str(bucket): self.counts[bucket] for bucket in sorted(self.counts)}
        return {"counts": counts, "sum_us": round(self.sum_us, 1)}

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> "LatencyHistogram":
        """Reads what `as_json` wrote.

        Raises:
            ValueError: It is something else; the text names field and value.
        """
        counts, sum_us = document.get("counts"), document.get("sum_us")
        if not isinstance(counts, dict) or not isinstance(sum_us, int | float):
            raise ValueError(f"a latency histogram has {document!r}")
        found = {}
        for bucket, count in counts.items():
            is_bucket = bucket.isdecimal() and int(bucket) < NUM_BUCKETS
            if not is_bucket or type(count) is not int or count < 0:
                raise ValueError(
                    f"bucket {bucket!r} of a latency histogram has {count!r}"
                )
            found[int(bucket)] = count
        return cls(counts=found, sum_us=float(sum_us))


def bucket_of(took_us: float) -> int:
    """Returns the number of the bucket that holds a time, microseconds."""
    if took_us < FIRST_BOUND_US:
        return 0
    bucket = int(math.log2(took_us / FIRST_BOUND_US) * BUCKETS_PER_DOUBLING)
    return min(bucket, NUM_BUCKETS - 1)


def upper_bound_us(bucket: int) -> float:
    """Returns where a bucket ends, microseconds, exclusive."""
    return float(FIRST_BOUND_US * 2 ** ((bucket + 1) / BUCKETS_PER_DOUBLING))
