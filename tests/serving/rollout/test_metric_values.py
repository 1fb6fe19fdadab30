"""Metrics of single rows, by hand."""

import math

import numpy as np
import pyarrow as pa
import pytest

from serving.rollout.errors import RolloutError
from serving.rollout.metric_values import PROBABILITY_FLOOR, metric_values
from tests.serving.rollout.paper_rollout import paper_metric


def rows(probability, label, **columns):
    outputs = pa.array([{"probability": value} for value in probability])
    return pa.table({"outputs": outputs, "label": pa.array(label), **columns})


def test_log_loss_is_minus_the_log_of_what_turned_out():
    found = metric_values(
        paper_metric(name="log_loss"), rows([0.8, 0.8, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0])
    )
    floor = PROBABILITY_FLOOR
    expected = [-math.log(0.8), -math.log(0.2), -math.log(floor), -math.log(1 - floor)]
    assert found == pytest.approx(expected)


def test_an_error_is_a_probability_on_the_wrong_side():
    found = metric_values(
        paper_metric(), rows([0.5, 0.5, 0.4, 0.4], [1.0, 0.0, 1.0, 0.0])
    )
    assert found.tolist() == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("name", ["log_loss", "error"])
def test_a_row_without_label_or_output_has_no_value(name):
    found = metric_values(
        paper_metric(name=name), rows([0.5, None, float("nan")], [None, 1.0, 1.0])
    )
    assert np.isnan(found).all()


def test_a_text_label_counts_as_the_plan_says():
    metric = paper_metric(positive_label="late")
    found = metric_values(metric, rows([0.9, 0.9, 0.9], ["late", "on_time", None]))
    assert found[:2].tolist() == [0.0, 1.0]
    assert np.isnan(found[2])


def test_a_metric_that_came_with_the_label_is_clipped():
    metric = paper_metric(name="metric.revenue", clip=(0.0, 100.0))
    table = rows([0.5] * 4, [1.0] * 4, **{"metric.revenue": [5.0, 500.0, -3.0, None]})
    found = metric_values(metric, table)
    assert found[:3].tolist() == [5.0, 100.0, 0.0]
    assert np.isnan(found[3])


def test_a_metric_is_only_missing_where_no_label_has_come():
    metric = paper_metric(name="metric.revenue")
    assert np.isnan(
        metric_values(metric, rows([0.5], pa.array([None], pa.float64())))[0]
    )
    with pytest.raises(RolloutError, match=r"no column 'metric\.revenue'"):
        metric_values(metric, rows([0.5], [1.0]))


def test_an_output_of_one_number_in_a_list_is_that_number():
    assert metric_values(paper_metric(), rows([[0.9]], [1.0])).tolist() == [0.0]
    with pytest.raises(RolloutError, match="2 numbers a row"):
        metric_values(paper_metric(), rows([[0.9, 0.1]], [1.0]))


@pytest.mark.parametrize(
    ("changes", "label", "message"),
    [
        ({"output": "score"}, [1.0], "metric.output is 'score'.*are probability"),
        ({}, ["late"], "positive_label is None"),
        ({}, [2.0], "1 labels are neither 0 nor 1, such as 2"),
    ],
    ids=["output", "text", "classes"],
)
def test_a_log_that_does_not_fit_is_refused_by_name(changes, label, message):
    with pytest.raises(RolloutError, match=message):
        metric_values(paper_metric(**changes), rows([0.5], label))
