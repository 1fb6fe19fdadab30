"""Names that come from outside: taken, made fit, or refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.deploy.errors import DeployError
from serving.deploy.names import check_model_name, dns_label

DNS_1035 = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
MODEL_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}", fullmatch=True)


@pytest.mark.parametrize("name", ["flights", "a", "late-flights-2"])
def test_a_dns_label_stays_as_it_is(name):
    assert dns_label(name) == name


def test_another_name_is_made_a_label_that_no_other_name_gets():
    # printf My_Model | sha256sum begins so.
    assert dns_label("My_Model") == "my-model-d427b6"
    assert dns_label("My_Model") != dns_label("my_model") != dns_label("my-model")


@given(MODEL_NAMES)
def test_every_model_name_becomes_a_label_with_room_for_a_suffix(name):
    assert DNS_1035.fullmatch(f"{dns_label(name)}-models")


@pytest.mark.parametrize(
    "name",
    ["", "a/b", "../a", "a b", 'a"b', "a\nb", "a:b", "-a", ".", "ä", "a$(id)"],
    ids=repr,
)
def test_a_name_that_needs_escaping_is_refused(name):
    with pytest.raises(DeployError, match="letters, digits"):
        check_model_name(name)
