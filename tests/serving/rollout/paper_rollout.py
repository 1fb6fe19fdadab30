"""Rollouts without servers: the files routers and logs would have written."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from serving.prediction_log import log_layout
from serving.prediction_log.labels import add_labels
from serving.rollout.plan import GuardRail, MetricPlan, RolloutPlan, Step
from serving.rollout.state import Arm, RolloutState
from serving.router.arm_counts import ArmCounts
from serving.router.assignment import place_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DELAY_S = 3600.0


def paper_metric(**changes) -> MetricPlan:
    return MetricPlan(
        **{
            "name": "error",
            "goal": "superiority",
            "minimum_effect": 0.1,
            "std": 0.5,
            "information": 400.0,
            "label_delay_s": DELAY_S,
            "settle_s": 0.0,
            **changes,
        }
    )


def paper_plan(**changes) -> RolloutPlan:
    rails = (GuardRail(name="errors", max_rate=0.01, max_ratio=1.5, level=0.01),)
    return RolloutPlan(
        **{
            "steps": (Step(share=0.5),),
            "guard_rails": rails,
            "drain_s": 0.0,
            **changes,
        }
    )


def paper_state(plan=None, *, kind="canary", version=None, rollout="r1"):
    plan = plan or paper_plan()
    share = plan.steps[0].share
    return RolloutState(
        serial=1,
        id=rollout,
        model="rides",
        kind=kind,
        arms=(
            Arm(name="stable", url="http://127.0.0.1:8501", share=1 - share),
            Arm(
                name="candidate",
                url="http://127.0.0.1:8502",
                share=share,
                version=version,
            ),
        ),
        plan=plan,
        step=0,
        step_starts=(NOON.isoformat(),),
    )


def arm_counts(requests, errors=0, kind="server", **more):
    counts = ArmCounts(requests=requests, **more)
    if errors:
        counts.errors[kind] = errors
    return counts


def write_counts(state_dir, stable, candidate, *, rollout="r1", router="a"):
    """Writes what one router has counted."""
    folder = state_dir / "counts"
    folder.mkdir(parents=True, exist_ok=True)
    arms = {"stable": stable.as_json(), "candidate": candidate.as_json()}
    document = {
        "format_version": 1,
        "router": router,
        "model": "rides",
        "written_at": NOON.isoformat(),
        "rollouts": {rollout: arms},
    }
    (folder / f"{router}.json").write_text(json.dumps(document))


def traffic(rng, keys, share, error_rates, *, begins=NOON):
    """Returns a frame of requests within ten minutes, and what turned out.

    One row each; an arm's answer is wrong at its rate, the label is 1 for every other
    key.
    """
    is_candidate = np.array([place_of("r1", key) for key in keys]) < share
    label = (np.arange(len(keys)) % 2).astype(float)
    rates = np.where(is_candidate, error_rates[1], error_rates[0])
    answer = np.where(rng.random(len(keys)) < rates, 1 - label, label)
    offsets = np.linspace(0, 600.0, len(keys), endpoint=False)
    return pd.DataFrame(
        {
            "request_id": [f"q-{key}" for key in keys],
            "row": 0,
            "time": [begins + timedelta(seconds=s) for s in offsets],
            "key": keys,
            "variant": np.where(is_candidate, "candidate", "stable"),
            "probability": 0.1 + 0.8 * answer,
            "label": label,
        }
    )


def write_log(log_dir, frame, *, number=1, event_times=None):
    """Writes the rows as one file of the model's log."""
    times = pd.to_datetime(frame["time"], utc=True)
    began = times.iloc[0].to_pydatetime()
    folder = log_layout.hour_dir(log_layout.model_dir(log_dir, "rides"), began)
    folder.mkdir(parents=True, exist_ok=True)
    moment = pa.timestamp("us", tz="UTC")
    texts = pa.dictionary(pa.int32(), pa.string())
    rows = len(frame)
    table = pa.table(
        {
            "request_id": pa.array(frame["request_id"], pa.string()),
            "row": pa.array(frame["row"], pa.int32()),
            "time": pa.array(times, moment),
            "event_time": pa.array(event_times or [None] * rows, moment),
            "version": pa.array([1] * rows, pa.int64()),
            "key": pa.array(frame["key"], pa.string(), from_pandas=True),
            "variant": pa.array(frame["variant"], pa.string()).cast(texts),
            "outputs": pa.StructArray.from_arrays(
                [pa.array(frame["probability"], pa.float32())], ["probability"]
            ),
        }
    ).replace_schema_metadata({"slipway.format_version": "1"})
    name = log_layout.file_name(began, "0" * 12, number)
    pq.write_table(table, folder / name)


def write_labels(log_dir, frame, **columns):
    """Adds the frame's labels as `slipway labels add` does."""
    log_dir.mkdir(parents=True, exist_ok=True)
    path = log_dir / "arrived.parquet"
    chosen = frame[["key", "label"]].assign(**columns)
    pq.write_table(pa.Table.from_pandas(chosen, preserve_index=False), path)
    return add_labels(log_dir, "rides", path)


def accept(_bundle):
    """Stands in for the verifier: paper bundles hold no model."""
