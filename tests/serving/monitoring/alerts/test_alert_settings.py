"""The --alerts file is read strictly."""

import pytest

from pipeline.settings_loader import ConfigError, build_settings
from serving.monitoring.alerts.alert_settings import AlertSettings
from serving.monitoring.alerts.alert_state import read_alert_state, write_alert_state
from serving.monitoring.alerts.errors import AlertError

CHANNELS = {"log": {"kind": "log"}}


def rule(**changes):
    return {
        "channels": CHANNELS,
        "rules": [{"name": "a", "channels": ["log"], **changes}],
    }


def channel(**fields):
    return {"channels": {"ops": fields}, "rules": []}


def test_the_defaults_tell_warnings_to_the_log():
    settings = AlertSettings()
    assert [rule.name for rule in settings.rules] == ["warnings"]
    assert settings.channels["log"].kind == "log"


def test_a_whole_file_is_read():
    settings = build_settings(
        AlertSettings,
        {
            "channels": {
                "ops": {"kind": "webhook", "url_env": "SLACK_URL"},
                "pager": {"kind": "command", "command": ["/bin/page", "--now"]},
            },
            "rules": [{"name": "a", "channels": ["ops", "pager"], "features": ["t*"]}],
            "page_url": "https://monitor/flights",
        },
    )
    assert settings.channels["pager"].command == ("/bin/page", "--now")
    assert settings.rules[0].features == ("t*",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (rule(min_severity="loud"), "min_severity is 'loud'; it can be info, warning"),
        (rule(kinds=["drfit"]), "a kind is 'drfit'; it can be missing"),
        (rule(channels=["opps"]), "a channel is 'opps'; it can be log"),
        (rule(channels=[]), "channels is empty"),
        (rule(cool_down_s=-1), "cool_down_s is -1"),
        (rule(name=""), "name is empty"),
        (rule(featurs=["a"]), "Did you mean 'features'"),
        ({"rules": rule()["rules"] * 2, "channels": CHANNELS}, "given twice"),
        (channel(kind="smoke"), "kind is 'smoke'; it can be log, webhook, command"),
        (channel(kind="webhook"), "needs the name of an environment variable"),
        (channel(kind="log", url_env="A"), "no other kind takes one"),
        (channel(kind="command"), "needs a program"),
        (channel(kind="log", command=["a"]), "no other kind takes one"),
        (channel(kind="log", timeout_s=0), "timeout_s is 0"),
        (channel(kind="log", num_tries=0), "num_tries is 0"),
        (channel(kind="log", first_pause_s=-1), "first_pause_s is -1"),
        ({"max_pending": 0}, "max_pending is 0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(values, message):
    with pytest.raises((ConfigError, AlertError), match=message):
        build_settings(AlertSettings, values)


def test_an_address_in_place_of_a_variable_s_name_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="is no name of an environment") as caught:
        build_settings(
            AlertSettings, channel(kind="webhook", url_env="https://hooks/very-secret")
        )
    assert "very-secret" not in str(caught.value)


def test_a_state_is_read_as_it_was_written(tmp_path):
    state = read_alert_state(tmp_path / "new", "flights")
    write_alert_state(tmp_path / "new", state)
    assert read_alert_state(tmp_path / "new", "flights") == state
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["alerts.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format_version": 1, "model": "fl', "is damaged: it is no JSON"),
        ('{"format_version": 2, "model": "flights"}', "Upgrade slipway"),
        ('{"format_version": 1, "model": "taxi"}', "belongs to model 'taxi'"),
        ('{"format_version": 1, "model": "flights", "x": 1}', "'x' is not known"),
    ],
)
def test_a_state_that_cannot_be_used_is_never_replaced(tmp_path, text, message):
    path = tmp_path / "alerts.json"
    path.write_text(text)
    with pytest.raises(AlertError, match=message):
        read_alert_state(tmp_path, "flights")
    assert path.read_text() == text
