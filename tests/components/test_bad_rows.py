"""How many bad rows a run bears, and what it says of them."""

import pytest

from components.columnar_example_gen.bad_rows import BadRow, BadRowRule, QuarantineFile


def bad(row, value="abc"):
    return BadRow(
        file="rows.csv",
        span=3,
        row=row,
        column="plane_year",
        value=value,
        reason="expected int64",
    )


def test_first_bad_row_ends_the_run_by_default():
    rule = BadRowRule.from_settings({})

    assert not rule.may_go_on(1)
    assert rule.refusal(1, 10_000, [bad(1233)]) == (
        "a row cannot be read: rows.csv of span 3, row 1,233, column 'plane_year': "
        "'abc'; expected int64. Mend the file, or set data.on_bad_rows to quarantine."
    )
    assert rule.refusal(0, 10_000, []) is None


@pytest.mark.parametrize(
    ("num_bad", "message"),
    [
        (2, None),
        (3, "3 or more rows cannot be read and data.max_bad_rows is 2. The first: "),
    ],
)
def test_number_of_bad_rows_is_bounded(num_bad, message):
    rule = BadRowRule(on_bad_rows="quarantine", max_bad_rows=2)

    refusal = rule.refusal(num_bad, 10_000, [bad(1)])
    assert refusal is None if message is None else refusal.startswith(message)
    assert rule.may_go_on(num_bad) is (message is None)


def test_share_of_bad_rows_is_bounded():
    rule = BadRowRule(on_bad_rows="quarantine", max_bad_fraction=0.01)

    assert rule.refusal(10, 1000, [bad(1)]) is None
    assert "they are 0.011 of 1,000 rows" in rule.refusal(11, 1000, [bad(1)])


def test_quarantine_appears_whole_and_only_if_there_is_a_row(tmp_path):
    with QuarantineFile(tmp_path / "q" / "none.jsonl") as file:
        file.write([])
    with QuarantineFile(tmp_path / "q" / "one.jsonl") as file:
        file.write([bad(1)])
        file.write([bad(2, None)])
    broken = QuarantineFile(tmp_path / "q" / "broken.jsonl")
    broken.write([bad(1)])
    broken.__exit__(KeyError, KeyError(), None)

    (path,) = (tmp_path / "q").iterdir()
    assert path.name == "one.jsonl"
    assert len(path.read_text().splitlines()) == 2
