"""The cost of a node per million rows, and the page it stands on."""

import re

import pytest
import yaml

from benchmarks.scaling import (
    BEGIN,
    END,
    NodeCost,
    ScalingError,
    cold_seconds,
    node_costs,
    table,
    write_table,
)
from benchmarks.speed_result import COLD, OURS, ROOT, STOCK, UNCHANGED
from pipeline.config import load_config
from pipeline.pipeline_argument import find_config

PAGE = ROOT / "docs/scaling.md"


def test_cost_is_the_line_through_the_fewest_and_the_most_rows():
    runs = {
        500_000: {"transform": 11.0, "gate": 0.3, "push": 2.0, "encode": 1.0},
        # In between: shown, not part of the line.
        1_000_000: {"transform": 99.0, "gate": 9.0, "push": 9.0, "encode": 9.0},
        2_500_000: {"transform": 43.0, "gate": 0.2, "push": 2.0, "encode": 10.0},
    }
    transform, gate, push, encode = node_costs(runs)
    # 32 s more for 2 million rows more; 11 - 16 x 0.5 = 3 s before the first row.
    assert transform == NodeCost(node_id="transform", fixed_s=3.0, s_per_million=16.0)
    assert transform.seconds(10_000_000) == 163.0
    # Faster with more rows, or as fast: rows do not matter.
    assert (gate.fixed_s, gate.s_per_million) == (0.25, 0.0)
    assert (push.fixed_s, push.s_per_million) == (2.0, 0.0)
    # 4.5 s per million would begin at -1.25 s; so 10 s for 2.5 million.
    assert (encode.fixed_s, encode.s_per_million) == (0.0, 4.0)


def test_one_number_of_rows_gives_no_cost():
    with pytest.raises(ScalingError, match=r"1 number of rows; a cost per row takes"):
        node_costs({327_346: {"transform": 15.0}})


def test_only_slipways_cold_runs_count_by_their_median(make_result):
    def run(rival, scenario, scale, repeat, wall_s):
        case = {"rival": rival, "scenario": scenario, "scale": scale, "repeat": repeat}
        return make_result(case, nodes=[("transform", "done", wall_s)])

    found = cold_seconds(
        [
            run(OURS, COLD, 1, 1, 10.0),
            run(OURS, COLD, 1, 2, 30.0),
            run(OURS, COLD, 1, 3, 11.0),
            run(OURS, COLD, 10, 1, 90.0),
            run(OURS, UNCHANGED, 1, 1, 0.0),
            run(STOCK, COLD, 1, 1, 66.0),
        ]
    )
    assert found == {327_346: {"transform": 11.0}, 3_273_460: {"transform": 90.0}}


def test_table_has_a_row_a_node_and_a_forecast():
    text = table({1_000_000: {"transform": 5.0}, 2_000_000: {"transform": 8.0}})
    assert text.splitlines()[2] == "| transform | 5.0 | 8.0 | 2.0 | 3.0 | 32 | 302 |"


def test_table_replaces_the_one_before_and_nothing_else(tmp_path):
    page = tmp_path / "scaling.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_table(page, "| new |\n")
    assert page.read_text() == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"
    page.write_text("nothing\n")
    with pytest.raises(ScalingError, match=r"lacks the lines <!-- written by"):
        write_table(page, "| new |\n")


def test_page_of_the_project_has_the_marks():
    text = PAGE.read_text()
    assert text.index(BEGIN) < text.index(END)


def test_settings_on_the_page_are_settings_there_are():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        given = {}
        for section, values in yaml.safe_load(block).items():
            if isinstance(values, dict):
                given |= {f"{section}.{key}": value for key, value in values.items()}
            else:
                given[section] = values
        load_config(find_config("flights"), given)
