"""The `run` section: what is refused, and a node's own settings over the section's."""

import os
import re
from pathlib import Path

import pytest
import yaml

from pipeline.run_config import NodeRunConfig, RunConfig
from pipeline.settings_loader import ConfigError, build_settings

ROOT = Path(__file__).resolve().parents[2]


def load(**values):
    return build_settings(RunConfig, values, "run")


def test_nodes_own_settings_are_over_the_sections():
    made = load(
        retries=2,
        timeout_s=60,
        nodes={"trainer": {"retries": 0, "timeout_s": 3600.0}, "pusher": {}},
    )
    trainer = made.of_node("trainer")
    assert (trainer.retries, trainer.timeout_s, trainer.backoff_s) == (0, 3600.0, 5.0)
    for node_id in ("pusher", "transform"):
        other = made.of_node(node_id)
        assert (other.retries, other.timeout_s, other.cache) == (2, 60.0, True)


def test_no_cache_is_over_every_nodes_own():
    made = load(nodes={"trainer": {"cache": True, "retries": 3}}).without_cache()
    assert not made.cache
    assert not made.of_node("trainer").cache
    assert made.of_node("trainer").retries == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"retry": 1}, r"unknown setting run\.retry; .*Did you mean 'retries'\?"),
        ({"retries": -1}, r"run\.retries is -1; expected at least 0"),
        ({"retries": 1.5}, r"run\.retries is 1\.5; expected a whole number"),
        ({"backoff_s": -0.1}, r"run\.backoff_s is -0\.1; expected at least 0"),
        ({"timeout_s": 0}, r"run\.timeout_s is 0\.0; expected more than 0"),
        ({"max_parallel_nodes": 0}, r"run\.max_parallel_nodes is 0; expected at least"),
        ({"on_exit_timeout_s": 0}, r"run\.on_exit_timeout_s is 0\.0; expected more"),
        ({"on_exit": "a.b"}, r"run\.on_exit is 'a\.b'; expected a list"),
        (
            {"nodes": {"trainer": {"timeout": 5}}},
            r"unknown setting run\.nodes\.trainer\.timeout; .*Did you mean 'timeout_s'",
        ),
        (
            {"nodes": {"trainer": {"retries": -2}}},
            r"run\.nodes\.trainer\.retries is -2",
        ),
        ({"nodes": ["trainer"]}, r"run\.nodes is \['trainer'\]; expected a mapping"),
    ],
)
def test_setting_that_cannot_be_is_named_with_its_value(values, message):
    with pytest.raises(ConfigError, match=message):
        load(**values)


def test_section_in_the_documentation_is_one():
    text = (ROOT / "docs" / "running.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    made = build_settings(RunConfig, yaml.safe_load(block)["run"], "run")
    assert made.of_node("trainer").timeout_s == 7200
    assert made.on_exit == ("mycase.notify.tell",)


def test_two_nodes_work_at_a_time_and_one_on_one_core(monkeypatch):
    assert load(max_parallel_nodes=7).num_parallel == 7
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3})
    assert load().num_parallel == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3})
    assert load().num_parallel == 1


def test_nodes_have_every_setting_of_the_section_that_is_about_one_node():
    about_one = {"retries", "backoff_s", "timeout_s", "cache"}
    assert set(NodeRunConfig.__dataclass_fields__) == about_one
    assert about_one <= set(RunConfig.__dataclass_fields__)
