"""FEATURE_KEYS and LABEL_KEY of a use case."""

import pytest

from pipeline.dotted_path import DottedPathError
from pipeline.feature_list import read_feature_list


@pytest.mark.usefixtures("project")
def test_features_keep_their_order():
    features = read_feature_list("usecase.features")

    assert features.keys == ("wind", "hour", "origin")
    assert features.label == "late"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "FEATURE_KEYS = ('a',)\nLABEL = 'b'",
            "the module defines no 'LABEL_KEY'. Did you mean 'LABEL'?",
        ),
        ("LABEL_KEY = 'b'", "the module defines no 'FEATURE_KEYS'."),
        (
            "FEATURE_KEYS = ('a',)\nLABEL_KEY = ('b',)",
            "its LABEL_KEY is ('b',); expected a column name.",
        ),
        (
            "FEATURE_KEYS = 'a'\nLABEL_KEY = 'b'",
            "its FEATURE_KEYS is no tuple of column names.",
        ),
        (
            "FEATURE_KEYS = ()\nLABEL_KEY = 'b'",
            "its FEATURE_KEYS is no tuple of column names.",
        ),
        (
            "FEATURE_KEYS = ('a', 'c', 'a')\nLABEL_KEY = 'b'",
            "its FEATURE_KEYS names more than once: a.",
        ),
    ],
    ids=["no label", "no features", "label", "text", "empty", "repeated"],
)
def test_module_without_both_constants_is_refused(project, text, message):
    project.write("usecase/features.py", text)

    with pytest.raises(DottedPathError, match=r".") as caught:
        read_feature_list("usecase.features")
    assert str(caught.value) == message
