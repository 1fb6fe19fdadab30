"""How often a rollout decides wrongly, and how often it finds what is there.

    python -m benchmarks.rollout_errors [--runs 2000] [--json FILE]

Seeded. Every row of the metric's simulations is a look, which is more than any real
rollout takes; guard rails are looked at after every 50 requests. The metric's test is
worked out for all runs and rows at once here; tests/serving/rollout/test_error_rates.py
holds it against the code that decides, row by row.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.rollout_draws import (
    Draw,
    drifting,
    error_of,
    log_loss_of,
    revenue_of,
)
from serving.rollout.effect import MIN_UNITS, mixture_of
from serving.rollout.evidence import Evidence
from serving.rollout.findings import rail_findings
from serving.rollout.metric_plan import ALLOWANCE, SHARPER_ALLOWANCE
from serving.rollout.new_rollout import (
    Address,
    RailLimits,
    guard_rails,
    new_state,
    parse_steps,
)
from serving.rollout.plan import RolloutPlan
from serving.rollout.rail_counts import add_counts
from serving.rollout.sample_size import Spread, sample_size
from serving.rollout.state import moment
from serving.router.arm_counts import ArmCounts
from serving.router.latency_histogram import bucket_of

LEVEL, POWER = 0.05, 0.8
_CHUNK = 100
_LOOKS, _REQUESTS_A_LOOK = 400, 50


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the effect may be after each row.

    Attributes:
        low: [runs, rows]. -inf before there are enough units.
        high: [runs, rows].
        spread: [runs, rows]. Variance of a unit's value, as measured.
    """

    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray


def bounds_after_each_row(
    values: np.ndarray, is_candidate: np.ndarray, shares: np.ndarray, planned: float
) -> Bounds:
    """Returns the interval of serving/rollout/effect.py after every row.

    Args:
        values: float64 [runs, rows].
        is_candidate: bool [runs, rows].
        shares: float64 [rows].
        planned: V at which the interval is tightest.
    """
    numbers = np.arange(values.shape[1])
    before = np.cumsum(values, axis=1) - values
    means = np.divide(before, numbers, out=values.copy(), where=numbers > 0)
    x = (is_candidate - shares) * (values - means)
    w = np.where(numbers > 0, shares * (1 - shares), 0.0)
    total, weight = np.cumsum(x, axis=1), np.cumsum(w)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = total / weight
        variance = (
            np.cumsum(x * x, axis=1)
            - 2 * estimate * np.cumsum(x * w, axis=1)
            + estimate**2 * np.cumsum(w * w)
        )
        mixture = mixture_of(planned, LEVEL)
        widened = variance + mixture
        radius = np.sqrt(widened * np.log(widened / (mixture * LEVEL**2))) / weight
    candidates = np.cumsum(is_candidate, axis=1)
    has_enough = np.minimum(candidates, numbers + 1 - candidates) >= MIN_UNITS
    radius = np.where(has_enough & (variance > 0), radius, math.inf)
    estimate = np.where(weight > 0, estimate, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = variance / weight
    return Bounds(low=estimate - radius, high=estimate + radius, spread=spread)


def ramp(rows: int) -> np.ndarray:
    """Returns shares of 1 %, 5 %, 20 % for a tenth of the rows each, then 50 %."""
    shares = np.full(rows, 0.5)
    tenth = rows // 10
    for number, share in enumerate((0.01, 0.05, 0.2)):
        shares[number * tenth : (number + 1) * tenth] = share
    return shares


def share_decided(draw: Draw, shares: np.ndarray, runs: int, seed: int) -> float:
    """Returns how often two equal arms are ever called different.

    Args:
        draw: Of both arms' values.
        shares: [rows]. Of the candidate.
        runs: Simulated rollouts.
        seed: Of the numbers.
    """
    rng = np.random.default_rng(seed)
    planned = float((shares * (1 - shares)).sum() * draw(rng, (1, 200_000)).var())
    decided = 0
    for size in _chunks(runs):
        values = draw(rng, (size, len(shares)))
        is_candidate = rng.random(values.shape) < shares
        # Planned for a third of the rows: they go on long after the planned end.
        bounds = bounds_after_each_row(values, is_candidate, shares, planned / 3)
        decided += int(((bounds.low > 0) | (bounds.high < 0)).any(axis=1).sum())
    return decided / runs


def share_decided_naively(draw: Draw, rows: int, runs: int, seed: int) -> float:
    """The same by a t-test of level 0.05 that is looked at after every 100 rows."""
    rng = np.random.default_rng(seed)
    looks = np.arange(1000, rows, 100)
    decided = 0
    for size in _chunks(runs):
        values = draw(rng, (size, rows))
        arm = rng.random(values.shape) < np.full(rows, 0.5)
        statistics = []
        for chosen in (arm, ~arm):
            count = np.cumsum(chosen, axis=1)[:, looks]
            total = np.cumsum(values * chosen, axis=1)[:, looks]
            squares = np.cumsum(values**2 * chosen, axis=1)[:, looks]
            mean = total / count
            statistics.append((mean, (squares / count - mean**2) / count))
        (mean_1, var_1), (mean_0, var_0) = statistics
        decided += int(
            (np.abs(mean_1 - mean_0) > 1.96 * np.sqrt(var_1 + var_0)).any(axis=1).sum()
        )
    return decided / runs


@dataclass(frozen=True, kw_only=True)
class Found:
    """How often an effect that is there is found.

    Attributes:
        effect: In the metric's unit, gain of the candidate.
        units: The printed sample size, both arms.
        share: Of the runs in which it was called better by then.
        mean_units: At which the rollout ended, on average.
    """

    effect: float
    units: int
    share: float
    mean_units: float


def share_found(
    stable: Draw, candidate: Draw, runs: int, seed: int, allowance: float = ALLOWANCE
) -> Found:
    """Plans for the difference of two distributions and counts how often it is found.

    The smaller values are called better. Rollouts end as serving/rollout/advance.py has
    it: as better, as worse, because the effect is refuted, or with the sample used up;
    at the latest at the printed size.
    """
    # The same numbers for both: their difference is then known far better.
    base, other = (
        draw(np.random.default_rng(seed), (1, 2_000_000))
        for draw in (stable, candidate)
    )
    effect = float(base.mean() - other.mean())
    rng = np.random.default_rng(seed + 1)
    size = sample_size(
        Spread(std=float(base.std()), allowance=allowance),
        goal="superiority",
        effect=effect,
        level=LEVEL,
        power=POWER,
    )
    rows = math.ceil(size.information * 4)
    shares = np.full(rows, 0.5)
    weight = np.arange(1, rows + 1) * 0.25
    found, ended = 0, 0
    for number in _chunks(runs):
        arm = rng.random((number, rows)) < shares
        values = np.where(arm, candidate(rng, arm.shape), stable(rng, arm.shape))
        bounds = bounds_after_each_row(
            values, arm, shares, size.information * size.std**2
        )
        is_better = bounds.high < 0
        needed = size.information * np.maximum(0.5, bounds.spread / size.std**2)
        is_ended = is_better | (bounds.low > -effect) | (weight >= needed)
        first = np.where(is_ended.any(axis=1), is_ended.argmax(axis=1), rows - 1)
        found += int(is_better[np.arange(number), first].sum())
        ended += int(first.sum()) + number
    return Found(effect=effect, units=rows, share=found / runs, mean_units=ended / runs)


@dataclass(frozen=True, kw_only=True)
class RailRun:
    """Guard rails over many rollouts.

    Attributes:
        rolled_back: Share of them.
        mean_candidate_requests: Of the candidate until then; NaN where none was.
    """

    rolled_back: float
    mean_candidate_requests: float


def rails_broken(
    stable_rate: float,
    candidate_rate: float,
    runs: int,
    seed: int,
    *,
    bursts: float = 0,
) -> RailRun:
    """Counts rollbacks by guard rails over 10,000 requests at 5 %, then 10,000 at 50 %.

    Args:
        stable_rate: Share of the stable arm's requests that fail, and the same that are
            refused, empty and slow.
        candidate_rate: The same of the candidate.
        runs: Simulated rollouts.
        seed: Of the numbers.
        bursts: Share of the looks in which half of all requests fail, in either arm.
    """
    rng = np.random.default_rng(seed)
    limits = RailLimits(max_rate=stable_rate * 1.01, max_ratio=1.0, slow_s=0.1)
    plan = RolloutPlan(
        steps=parse_steps("5%,50%"), guard_rails=guard_rails("canary", limits)
    )
    now = moment("2026-01-01T00:00:00+00:00")
    arms = (Address(url="http://a"), Address(url="http://b"))
    state = new_state("m", "canary", arms, plan, now)
    requests = []
    for _ in range(runs):
        evidence = Evidence(rollout_id=state.id)
        counts = {"stable": ArmCounts(), "candidate": ArmCounts()}
        for number in range(_LOOKS):
            share = plan.steps[2 * number // _LOOKS].share
            of_candidate = int(rng.binomial(_REQUESTS_A_LOOK, share))
            is_burst = rng.random() < bursts
            for arm, more, rate in (
                ("stable", _REQUESTS_A_LOOK - of_candidate, stable_rate),
                ("candidate", of_candidate, candidate_rate),
            ):
                _count(counts[arm], rng, more, 0.5 if is_burst else rate)
            evidence = add_counts(evidence, state, counts)
            if any(one.is_broken for one in rail_findings(state, evidence)):
                requests.append(counts["candidate"].requests)
                break
    mean = float(np.mean(requests)) if requests else math.nan
    return RailRun(rolled_back=len(requests) / runs, mean_candidate_requests=mean)


def _count(counts: ArmCounts, rng: np.random.Generator, more: int, rate: float) -> None:
    failed, refused, empty, slow = (int(n) for n in rng.binomial(more, rate, 4))
    counts.requests += more
    for kind, number in (("server", failed), ("client", refused)):
        counts.errors[kind] = counts.errors.get(kind, 0) + number
    counts.missing_outputs += empty
    for took_us, number in ((500_000.0, slow), (1_000.0, more - slow)):
        bucket = bucket_of(took_us)
        counts.latency.counts[bucket] = counts.latency.counts.get(bucket, 0) + number


def _chunks(runs: int) -> list[int]:
    return [min(_CHUNK, runs - begun) for begun in range(0, runs, _CHUNK)]


def main() -> None:
    """Runs all of it and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows, runs = 4000, asked.runs
    half = np.full(rows, 0.5)
    drift = drifting(log_loss_of(0.13), log_loss_of(0.33))
    report: dict[str, object] = {"runs": runs, "level": LEVEL, "power": POWER}
    equal = {
        "log loss, 13 % positive": (log_loss_of(0.13), half),
        "log loss, 33 % positive": (log_loss_of(0.33), half),
        "log loss, 13 % then 33 %, ramp": (drift, ramp(rows)),
        "error 1 %": (error_of(0.01), half),
        "error 20 %, ramp": (error_of(0.2), ramp(rows)),
        "revenue": (revenue_of(1.0), half),
        "revenue, clipped at 300": (revenue_of(1.0, 300.0), half),
        "revenue, clipped at 300, ramp": (revenue_of(1.0, 300.0), ramp(rows)),
    }
    print(f"A/A, {runs:,} rollouts of {rows:,} rows, a look after every row")
    report["aa"] = {
        name: share_decided(draw, shares, runs, seed)
        for seed, (name, (draw, shares)) in enumerate(equal.items())
    }
    for name, share in report["aa"].items():  # type: ignore[attr-defined]
        print(f"  {name:<34} decided {share:6.2%}  (at most {LEVEL:.0%})")
    naive = share_decided_naively(error_of(0.2), rows, runs, 99)
    report["aa_naive_t_test"] = naive
    print(f"  {'the same by a t-test, 30 looks':<34} decided {naive:6.2%}")
    print(f"planted effects, at the printed sample size (power {POWER:.0%})")
    planted = {
        "log loss, 13 %": (
            log_loss_of(0.13, 0.5),
            log_loss_of(0.13),
            SHARPER_ALLOWANCE,
        ),
        "log loss, 33 %": (
            log_loss_of(0.33, 0.5),
            log_loss_of(0.33),
            SHARPER_ALLOWANCE,
        ),
        "error 20 % to 17 %": (error_of(0.2), error_of(0.17), ALLOWANCE),
        "error 2 % to 1 %": (error_of(0.02), error_of(0.01), ALLOWANCE),
        "cost, skewed": (revenue_of(1.0, 300.0), revenue_of(0.7, 300.0), ALLOWANCE),
    }
    found = {
        name: share_found(first, second, runs, 200 + seed, allowance)
        for seed, (name, (first, second, allowance)) in enumerate(planted.items())
    }
    report["found"] = {name: asdict(one) for name, one in found.items()}
    for name, one in found.items():
        print(
            f"  {name:<24} effect {one.effect:8.4f}: {one.units:7,} units, found "
            f"{one.share:6.1%}, ended after {one.mean_units:8,.0f} on average"
        )
    print(f"guard rails, {runs // 4:,} rollouts of 20,000 requests, level 1 % over all")
    cases = {
        "equal, 0.5 %": (0.005, 0.005, 0.0),
        "equal, 2 %": (0.02, 0.02, 0.0),
        "equal, 0.5 %, outages of both arms": (0.005, 0.005, 0.02),
        "0.5 % against 2 %": (0.005, 0.02, 0.0),
        "0.5 % against 10 %": (0.005, 0.1, 0.0),
        "0.5 % against all": (0.005, 1.0, 0.0),
    }
    broken = {
        name: rails_broken(first, second, runs // 4, 300 + seed, bursts=bursts)
        for seed, (name, (first, second, bursts)) in enumerate(cases.items())
    }
    report["guard_rails"] = {name: asdict(one) for name, one in broken.items()}
    for name, one in broken.items():
        after = one.mean_candidate_requests
        until = "" if math.isnan(after) else f", after {after:,.0f} of its requests"
        print(f"  {name:<36} rolled back {one.rolled_back:6.1%}{until}")
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
