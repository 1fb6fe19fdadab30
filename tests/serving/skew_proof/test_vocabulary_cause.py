"""Which line it was, from the ids alone."""

from serving.skew_proof.vocabulary_cause import Vocabulary, infer_line

LINES = ("origin=JFK", "carrier=UA", "carrier=B6", "carrier=DL", "month=3")
VOCABULARY = Vocabulary(path="assets/categories", lines=LINES)


def infer(pairs, raw, worst, vocabularies=(VOCABULARY,)):
    return infer_line(vocabularies, pairs, raw, worst)


def test_rows_of_one_line_that_got_another_id_name_the_line():
    cause = infer({(5, 1): 9}, {"carrier": "UA"}, (5, 1))
    assert "line 2 ('carrier=UA') of assets/categories cannot be the same" in cause


def test_a_constant_shift_is_a_line_put_in_or_taken_out():
    cause = infer({(2, 1): 4, (3, 2): 5, (4, 3): 1}, {"carrier": "UA"}, (2, 1))
    assert "1 line(s) of assets/categories were put in before line 2" in cause
    assert "off by +1" in cause
    cause = infer({(1, 2): 4, (2, 3): 5}, {"carrier": "B6"}, (1, 2))
    assert "taken out before line 3" in cause


def test_two_lines_that_changed_places_are_both_named():
    cause = infer({(2, 1): 4, (1, 2): 5}, {"carrier": "UA"}, (2, 1))
    assert "line 2 ('carrier=UA'), line 3 ('carrier=B6')" in cause


def test_a_value_only_the_served_copy_knows_names_its_line():
    cause = infer({(3, 7): 4}, {"carrier": "ZZ"}, (3, 7))
    assert "line 4 ('carrier=DL') of assets/categories must be another" in cause


def test_whole_numbers_are_found_in_lines():
    assert "line 5" in infer({(9, 4): 1}, {"month": 3.0}, (9, 4))


def test_ids_that_no_line_explains_have_no_cause():
    assert infer({(5, 1): 9}, {"carrier": "XX"}, (5, 1)) == ""
    other = Vocabulary(path="assets/other", lines=("a", "b"))
    assert infer({(1, 7): 9}, {"carrier": "ZZ"}, (1, 7), (VOCABULARY, other)) == ""
    assert infer({(5, 1): 9}, {"carrier": "UA"}, (5, 1), ()) == ""


def test_the_vocabulary_whose_line_is_about_the_row_is_taken():
    other = Vocabulary(path="assets/other", lines=("x", "y", "z"))
    cause = infer({(5, 1): 9}, {"carrier": "UA"}, (5, 1), (other, VOCABULARY))
    assert "assets/categories" in cause
