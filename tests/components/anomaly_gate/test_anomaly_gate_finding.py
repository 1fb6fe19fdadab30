import pickle

from components.anomaly_gate.finding import AnomalyGateError, Finding

REMEDY = "Widen it"


def finding(feature: str, kind: str = "out_of_range", **changes: object) -> Finding:
    settings = {
        "split": "train",
        "feature": feature,
        "kind": kind,
        "severity": "stop",
        "sentence": f"{feature or 'dataset'} (train): wrong",
        "remedy": REMEDY,
        **changes,
    }
    return Finding(**settings)


def test_the_error_says_a_remedy_once_and_groups_by_kind():
    error = AnomalyGateError(
        [finding("a"), finding("b", "missing_column", remedy="Bring it"), finding("c")]
    )
    assert str(error) == (
        "the data breaks the schema in 3 features, the run stops here. "
        "b (train): wrong. Bring it. a (train): wrong. c (train): wrong. Widen it."
    )


def test_the_error_leaves_warnings_to_its_attribute():
    findings = [finding("a"), finding("a", split="eval"), finding("b", severity="warn")]
    error = AnomalyGateError(findings)
    assert error.findings == tuple(findings)
    assert str(error).startswith("the data breaks the schema in 1 feature, ")
    assert "b (train)" not in str(error)


def test_the_error_names_the_dataset_as_a_whole():
    alone = AnomalyGateError([finding("", "other")])
    assert str(alone).startswith("the data breaks the schema as a whole, the run ")
    both = AnomalyGateError([finding("", "other"), finding("a")])
    assert str(both).startswith(
        "the data breaks the schema in 1 feature and as a whole, the run "
    )


def test_the_error_is_bounded():
    text = str(AnomalyGateError([finding(f"f{number}") for number in range(40)]))
    assert text.count(": wrong.") == 10
    assert text.endswith(
        "Widen it. 30 more: f10 (train), f11 (train), f12 (train), f13 (train), "
        "f14 (train) … and 25 more."
    )


def test_the_error_survives_pickling_and_carries_its_exit_code():
    error = AnomalyGateError([finding("a", examples=("9999 (1)",), fraction=0.1)])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  Our own bytes.
    assert (str(copy), copy.findings) == (str(error), error.findings)
    assert AnomalyGateError.exit_code == 3
