"""`--param`: what is taken, as which type, and what is refused."""

import pytest

from pipeline.settings_loader import ConfigError
from pipeline.submit.parameters import parse_parameters


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("steps=0", 0),
        ("steps=-12", -12),
        ("steps=9007199254740992", 2**53),
        ("min_auc=0.65", 0.65),
        ("min_auc=1", 1.0),
        ("note=", ""),
        ("note=a=b c", "a=b c"),
        ("is_trial=true", True),
        ("is_trial=false", False),
        ('slices=["origin", 3]', ["origin", 3]),
        ('limits={"auc": 0.6}', {"auc": 0.6}),
    ],
)
def test_value_gets_the_declared_type(compiled, text, value):
    values = parse_parameters(["last_span=1", text], compiled.parameters)
    name = text.partition("=")[0]
    assert values == {"last_span": 1, name: value}
    assert type(values[name]) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps=1.5", "a whole number"),
        ("steps=", "a whole number"),
        ("steps=1_000", "a whole number"),
        ("steps=9007199254740993", "a whole number from -2^53 to 2^53"),
        ("steps=" + "9" * 5000, "a whole number"),
        ("min_auc=much", "a finite number"),
        ("min_auc=nan", "a finite number"),
        ("min_auc=inf", "a finite number"),
        ("is_trial=True", "true or false"),
        ("is_trial=1", "true or false"),
        ("slices=origin", "a JSON list"),
        ('slices={"a": 1}', "a JSON list"),
        ("limits=[1]", "a JSON object"),
    ],
)
def test_value_of_another_type_is_refused(compiled, text, expected):
    name, _, value = text.partition("=")
    with pytest.raises(
        ConfigError, match=rf"^--param {name} is '.*'; expected .*"
    ) as caught:
        parse_parameters(["last_span=1", text], compiled.parameters)
    assert expected in str(caught.value)
    assert repr(value) in str(caught.value)


def test_unknown_name_is_refused_with_the_nearest(compiled):
    with pytest.raises(
        ConfigError,
        match=r"^--param last_spam: the compiled pipeline has no such parameter; it "
        r"takes .*\blast_span\b.*\. Did you mean 'last_span'\?$",
    ):
        parse_parameters(["last_spam=3"], compiled.parameters)


def test_pipeline_without_parameters_says_so():
    with pytest.raises(ConfigError, match=r"^--param x: .* takes no parameters\.$"):
        parse_parameters(["x=3"], {})


def test_name_given_twice_is_refused(compiled):
    with pytest.raises(ConfigError, match=r"^--param last_span is given twice\.$"):
        parse_parameters(["last_span=3", "last_span=4"], compiled.parameters)


@pytest.mark.parametrize("text", ["last_span", "=3", ""])
def test_what_is_no_pair_is_refused(compiled, text):
    with pytest.raises(ConfigError, match=r"^--param is '.*'; expected NAME=VALUE\.$"):
        parse_parameters([text], compiled.parameters)


def test_parameter_without_a_default_must_be_given(compiled):
    with pytest.raises(
        ConfigError,
        match=r"^the pipeline's parameter last_span has no default; give --param "
        r"last_span=VALUE\.$",
    ):
        parse_parameters([], compiled.parameters)
