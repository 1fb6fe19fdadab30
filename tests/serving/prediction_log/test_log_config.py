"""Settings out of range are refused with their name, value and range."""

import pytest

from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.log_config import LogConfig
from serving.server.configuration import read_configuration
from serving.server.flags import parse_flags
from serving.server.status import Code, ServingError


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("share", 1.5, "share of the prediction log is 1.5; expected 0 to 1"),
        ("transformed_share", -0.1, "transformed_share .* is -0.1; expected 0 to 1"),
        ("rotate_s", 0, "rotate_s .* is 0; expected seconds above 0"),
        ("rotate_s", float("nan"), "rotate_s .* is nan"),
        ("rotate_rows", 0, "rotate_rows .* is 0; expected at least 1"),
        ("buffer_rows", 0, "buffer_rows .* is 0; expected at least 1"),
        ("buffer_bytes", -1, "buffer_bytes .* is -1; expected at least 0"),
        ("retention_days", -1, "retention_days .* is -1; expected at least 0"),
    ],
)
def test_values_out_of_range(tmp_path, setting, value, words):
    with pytest.raises(PredictionLogError, match=words):
        LogConfig(log_dir=tmp_path, **{setting: value})


def flags_of(*more):
    return parse_flags(["--model_base_path=/m", *more])


def test_the_flags_are_the_settings(tmp_path):
    found = read_configuration(
        flags_of(
            f"--prediction_log_dir={tmp_path / 'log'}",
            "--prediction_log_share=0.5",
            "--prediction_log_masked=tailnum, dest",
            "--prediction_log_transformed_share=0.25",
            "--prediction_log_rotate_s=5",
            "--prediction_log_rotate_rows=10",
            "--prediction_log_retention_days=30",
        )
    )
    assert found.prediction_log == LogConfig(
        log_dir=tmp_path / "log",
        share=0.5,
        masked=("tailnum", "dest"),
        transformed_share=0.25,
        rotate_s=5.0,
        rotate_rows=10,
        retention_days=30,
    )


def test_without_a_folder_nothing_is_logged():
    assert read_configuration(flags_of()).prediction_log is None


def test_a_folder_that_cannot_be_made_is_refused_at_the_start(tmp_path):
    (tmp_path / "log").write_text("a file")
    with pytest.raises(ServingError, match="--prediction_log_dir is ") as caught:
        read_configuration(flags_of(f"--prediction_log_dir={tmp_path / 'log'}"))
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_a_share_out_of_range_is_refused_at_the_start(tmp_path):
    with pytest.raises(
        ServingError, match="share of the prediction log is 2"
    ) as caught:
        read_configuration(
            flags_of(f"--prediction_log_dir={tmp_path}", "--prediction_log_share=2")
        )
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_masks_without_a_log_are_a_mistake():
    with pytest.raises(SystemExit) as caught:
        flags_of("--prediction_log_masked=dest")
    assert caught.value.code == 2
