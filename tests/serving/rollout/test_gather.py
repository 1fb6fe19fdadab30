"""What the log's rows count for, and what they do not."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_writer import PredictionLogWriter
from serving.prediction_log.logged_request import (
    ClientFacts,
    LoggedModel,
    LoggedRequest,
)
from serving.rollout.evidence import Evidence, read_evidence, write_evidence
from serving.rollout.gather import gather_counts, gather_labels
from serving.rollout.plan import Step
from serving.rollout.seen_units import SeenUnits, hashes_of
from serving.router.counts_file import CountsFile
from tests.serving.rollout.paper_rollout import (
    DELAY_S,
    NOON,
    arm_counts,
    paper_metric,
    paper_plan,
    paper_state,
    traffic,
    write_counts,
    write_labels,
    write_log,
)

LATER = NOON + timedelta(seconds=DELAY_S)


class Paper:
    """A rollout's folder and its log."""

    def __init__(self, folder, **metric):
        self.state_dir, self.log = folder / "state", folder / "log"
        self.state_dir.mkdir()
        plan = paper_plan(metric=paper_metric(**metric), log_dir=str(self.log))
        self.state = paper_state(plan)
        self.evidence = Evidence(rollout_id="r1")

    def look(self, now):
        counted = gather_counts(self.state_dir, self.state, self.evidence)
        self.evidence = gather_labels(self.state_dir, self.state, counted, now)
        return self.evidence.labels


@pytest.fixture
def paper(tmp_path):
    return Paper(tmp_path)


def requests(*rows):
    """Rows of (request, row, seconds after noon, key, variant, probability, label)."""
    names = ["request_id", "row", "s", "key", "variant", "probability", "label"]
    frame = pd.DataFrame(rows, columns=names)
    frame["time"] = [NOON + timedelta(seconds=s) for s in frame.pop("s")]
    return frame


def labelled(frame, log):
    write_log(log, frame)
    has_label = frame["label"].notna() & frame["key"].notna()
    write_labels(log, frame[has_label].drop_duplicates("key"))


def test_rows_younger_than_the_label_delay_are_no_evidence(paper):
    frame = traffic(
        np.random.default_rng(0), [f"k{i}" for i in range(100)], 0.5, (0, 0)
    )
    labelled(frame, paper.log)
    assert paper.look(LATER - timedelta(seconds=1)).num_units == (0, 0)
    assert sum(paper.look(LATER + timedelta(seconds=60)).num_units) == 10
    assert sum(paper.look(LATER + timedelta(seconds=600)).num_units) == 100


def test_a_label_that_comes_after_its_delay_is_not_waited_for(paper):
    frame = requests(
        ("a", 0, 0, "k1", "stable", 0.9, 1.0), ("b", 0, 1, "k2", "candidate", 0.9, 1.0)
    )
    write_log(paper.log, frame)
    write_labels(paper.log, frame[:1])
    first = paper.look(LATER + timedelta(seconds=10))
    write_labels(paper.log, frame)
    second = paper.look(LATER + timedelta(seconds=20))
    assert first.num_units == second.num_units == (1, 1)
    assert (second.effect.num_stable, second.effect.num_candidate) == (1, 0)


def test_a_key_counts_once_and_a_request_as_the_mean_of_its_rows(paper):
    labelled(
        requests(
            ("a", 0, 0, "k1", "candidate", 0.9, 1.0),
            ("a", 1, 0, "k2", "candidate", 0.9, 0.0),
            ("b", 0, 5, "k1", "stable", 0.1, 1.0),
            ("c", 0, 6, "k3", "stable", 0.9, 1.0),
        ),
        paper.log,
    )
    labels = paper.look(LATER + timedelta(seconds=10))
    assert labels.num_units == (1, 1)
    assert labels.effect.sum_candidate == 0.5
    assert labels.effect.sum_stable == 0.0
    assert labels.num_repeats == 1


def test_a_key_that_counted_at_an_earlier_look_does_not_count_again(paper):
    labelled(requests(("a", 0, 0, "k1", "stable", 0.9, 1.0)), paper.log)
    paper.look(LATER + timedelta(seconds=10))
    write_log(paper.log, requests(("b", 0, 20, "k1", "stable", 0.9, 1.0)), number=2)
    labels = paper.look(LATER + timedelta(seconds=30))
    assert labels.num_units == (1, 0)
    assert labels.num_repeats == 1


def test_an_id_that_a_client_uses_for_all_its_requests_makes_no_single_unit(paper):
    labelled(
        requests(
            ("same", 0, 0, "k1", "stable", 0.9, 1.0),
            ("same", 0, 1, "k2", "stable", 0.9, 1.0),
        ),
        paper.log,
    )
    assert paper.look(LATER + timedelta(seconds=10)).num_units == (2, 0)


def test_rows_without_key_and_of_no_arm_are_no_evidence(paper):
    labelled(
        requests(
            ("a", 0, 0, None, "stable", 0.9, None),
            ("b", 0, 1, "k1", "other", 0.9, 1.0),
            ("c", 0, 2, "k2", "stable", 0.9, 1.0),
        ),
        paper.log,
    )
    labels = paper.look(LATER + timedelta(seconds=10))
    again = paper.look(LATER + timedelta(seconds=20))
    assert labels.num_units == again.num_units == (1, 0)
    assert labels.num_unkeyed == again.num_unkeyed == 1


def test_rows_before_the_rollout_are_no_evidence(paper):
    labelled(requests(("a", 0, -1, "k1", "stable", 0.9, 1.0)), paper.log)
    assert paper.look(LATER + timedelta(seconds=10)).num_units == (0, 0)


def test_rows_while_shares_change_are_no_evidence(tmp_path):
    paper = Paper(tmp_path, settle_s=5.0)
    labelled(
        requests(
            ("a", 0, 4.9, "k1", "stable", 0.9, 1.0),
            ("b", 0, 5.0, "k2", "stable", 0.9, 1.0),
        ),
        paper.log,
    )
    labels = paper.look(LATER + timedelta(seconds=10))
    assert (labels.num_units, labels.num_settling) == ((1, 0), 1)


def test_a_row_has_the_share_of_its_step(tmp_path):
    steps = (Step(share=0.1), Step(share=0.5))
    paper = Paper(tmp_path)
    plan = paper_plan(metric=paper_metric(), log_dir=str(paper.log), steps=steps)
    begun = paper_state(plan)
    starts = (NOON.isoformat(), (NOON + timedelta(seconds=100)).isoformat())
    paper.state = type(begun)(
        serial=2,
        id="r1",
        model="rides",
        kind="canary",
        arms=begun.with_share(0.5).arms,
        plan=plan,
        step=1,
        step_starts=starts,
    )
    labelled(
        requests(
            ("a", 0, 0, "k1", "stable", 0.9, 1.0),
            ("b", 0, 99, "k2", "stable", 0.9, 1.0),
            ("c", 0, 100, "k3", "stable", 0.9, 1.0),
        ),
        paper.log,
    )
    # The first unit is only the mean for the next: 0.1 * 0.9 + 0.5 * 0.5.
    effect = paper.look(LATER + timedelta(seconds=101)).effect
    assert effect.sum_w == pytest.approx(0.34)


def test_rows_that_appear_within_the_logs_lag_are_counted_late(paper):
    early = requests(("a", 0, 0, "k1", "stable", 0.9, 1.0))
    late = requests(("b", 0, 1, "k2", "stable", 0.9, 1.0))
    labelled(early, paper.log)
    assert paper.look(LATER + timedelta(seconds=60)).num_units == (1, 0)
    write_log(paper.log, late, number=2)
    assert paper.look(LATER + timedelta(seconds=120)).num_units == (2, 0)


def test_the_event_time_is_the_clock_where_one_was_sent(paper):
    frame = requests(("a", 0, 90_000, "k1", "stable", 0.9, 1.0))
    write_log(paper.log, frame, event_times=[NOON + timedelta(seconds=1)])
    write_labels(paper.log, frame)
    assert paper.look(LATER + timedelta(seconds=10)).num_units == (1, 0)


def test_a_look_that_crashed_after_its_units_were_written_is_repeated_whole(paper):
    labelled(requests(("a", 0, 0, "k1", "stable", 0.9, 1.0)), paper.log)
    before = paper.evidence
    paper.look(LATER + timedelta(seconds=10))
    paper.evidence = before
    assert paper.look(LATER + timedelta(seconds=10)).num_units == (1, 0)


def test_the_same_sums_come_of_one_look_and_of_many(tmp_path):
    frame = traffic(
        np.random.default_rng(5), [f"k{i}" for i in range(400)], 0.5, (0.3, 0.1)
    )
    found = []
    for name, seconds in (("one", (600,)), ("many", range(37, 601, 37))):
        folder = tmp_path / name
        folder.mkdir()
        paper = Paper(folder)
        labelled(frame, paper.log)
        for s in (*seconds, 600):
            labels = paper.look(LATER + timedelta(seconds=s))
        found.append(labels)
    one, many = found
    assert one.num_units == many.num_units
    assert one.effect.sum_x == pytest.approx(many.effect.sum_x)
    assert one.unit_logs == pytest.approx(many.unit_logs)


def test_evidence_survives_its_file_and_is_not_another_rollouts(paper):
    write_counts(paper.state_dir, arm_counts(100, 3), arm_counts(50, 1))
    paper.look(NOON + timedelta(seconds=1))
    write_evidence(paper.state_dir, paper.evidence)
    assert read_evidence(paper.state_dir, "r1") == paper.evidence
    assert paper.evidence.num_requests == (100, 50)
    assert read_evidence(paper.state_dir, "r2") == Evidence(rollout_id="r2")


def test_seen_units_are_the_kept_ones_and_the_first_of_a_batch(tmp_path):
    seen = SeenUnits(tmp_path, 0)
    seen.add(hashes_of(["a", "b"]))
    again = SeenUnits(tmp_path, 1)
    assert again.is_new(hashes_of(["a", "b", "b", "c"])).tolist() == [
        False,
        True,
        False,
        True,
    ]


def test_what_a_server_logs_and_a_router_counts_is_evidence(paper):
    writer = PredictionLogWriter(LogConfig(log_dir=paper.log, transformed_share=0.0))
    model = LoggedModel(name="rides", version=3)
    for number, variant in enumerate(["stable", "candidate"]):
        answered = NOON + timedelta(seconds=number)
        writer.offer(
            LoggedRequest(
                model=model,
                request_id=f"q{number}",
                rows=(
                    {"miles": np.array([1.0, 2.0], np.float32)},
                    {"probability": np.array([0.9, 0.2], np.float32)},
                ),
                num_rows=2,
                latency_s=0.001,
                answered_us=round(answered.timestamp() * 1e6),
                facts=ClientFacts(key=f"k{number}%2Ca,k{number}b", variant=variant),
            )
        )
    writer.close()
    keys = ["k0,a", "k0b", "k1,a", "k1b"]
    write_labels(paper.log, pd.DataFrame({"key": keys, "label": [1.0, 1.0, 1.0, 0.0]}))
    router = CountsFile(paper.state_dir, "router-1", "rides")
    router.of("r1")["candidate"] = arm_counts(7, 2)
    router.write(router.encoded())
    labels = paper.look(LATER + timedelta(seconds=10))
    assert (labels.effect.sum_stable, labels.effect.sum_candidate) == (0.5, 0.0)
    assert paper.evidence.num_requests == (0, 7)
    assert paper.evidence.rails[0].candidate.num_events == 2
