import numpy as np
import pytest

from models import fitting


def test_balanced_weights_make_both_classes_count_the_same():
    # 8 rows: 6 on time, 2 late. 8 / (2 * 6) and 8 / (2 * 2).
    weights = fitting.class_weights(np.array([0, 0, 0, 1, 0, 1, 0, 0]), "balanced")
    assert weights == {0: pytest.approx(2 / 3), 1: 2.0}


def test_balanced_weights_survive_a_class_without_rows():
    assert fitting.class_weights(np.zeros(4, int), "balanced") == {0: 0.5, 1: 2.0}


def test_no_weights_unless_asked():
    assert fitting.class_weights(np.array([0, 1]), "none") is None


def test_an_unknown_kind_of_weights_is_named():
    with pytest.raises(ValueError, match="class_weight is 'equal'; expected 'none'"):
        fitting.class_weights(np.array([0, 1]), "equal")


def test_settings_leave_the_pipelines_own_keys_alone():
    settings = fitting.build_settings({"seed": 3, "run_fn": "x.run_fn"}, tuned=None)
    assert settings.seed == 3


def test_tuned_values_win():
    custom_config = {
        "learning_rate": 0.1,
        "hyperparameters": {"units": 8, "dropout": 0.5},
    }
    tuned = {"space": [], "values": {"learning_rate": 0.01, "units": 32}}
    settings = fitting.build_settings(custom_config, tuned)
    assert settings.learning_rate == 0.01
    assert settings.hyperparameters == {"units": 32, "dropout": 0.5}
