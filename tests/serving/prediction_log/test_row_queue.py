"""What waits to be written."""

from serving.prediction_log.row_queue import RowQueue
from tests.serving.prediction_log.rides_log import rides, shared


def batch(rows):
    return shared(["a"], [0], [rows], rides([1] * rows))


def test_batches_are_taken_in_order_until_there_are_enough_rows():
    queue, batches = RowQueue(20), [batch(rows) for rows in (2, 3, 4, 5)]
    assert [queue.put(one, one.sizes[0]) for one in batches] == [2, 5, 9, 14]
    assert queue.take(4) == batches[:2]
    assert queue.rows == 9
    assert queue.take(4) == batches[2:3]
    assert queue.take() == batches[3:]
    assert (queue.take(), queue.rows) == ([], 0)


def test_what_does_not_fit_is_not_taken():
    queue = RowQueue(3)
    assert queue.put(batch(2), 2) == 2
    assert queue.put(batch(2), 2) == 0
    assert queue.put(batch(1), 1) == 3
    assert queue.rows == 3


def test_a_closed_queue_takes_nothing_more():
    queue = RowQueue(3)
    first = batch(1)
    queue.put(first, 1)
    queue.close()
    assert queue.put(batch(1), 1) == 0
    assert queue.take() == [first]
