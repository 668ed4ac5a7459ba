"""Tests of the queue of what is due, from which each member is handed out at its time."""

from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.storage.due_queue import AGAIN_S, LONGEST_PAUSE_S, DueQueue, claim, recall
from jobs.storage.locks import LockKind
from tests.fixtures.queue_state import claimed


@pytest.fixture
def due(redis) -> DueQueue:
    """Return an empty queue."""
    return DueQueue(redis, LockKind.RUN)


def test_a_member_is_handed_out_again_after_its_lease(redis, due):
    """A member that was handed out is due again after its lease.

    A member that was taken off the queue is not due again.
    """
    due.add("A", now())
    due.add("B", now() + timedelta(minutes=1))
    assert (claimed(redis), claimed(redis)) == (("A",), ())
    assert AGAIN_S - 1 < due.due("A") - now().timestamp() <= AGAIN_S
    due.remove("A")
    assert (due.due("A"), list(due.all())) == (0, ["B"])


def test_kinds_of_work_do_not_meet(redis, due):
    """Two kinds of work may have the same id, and each is handed out with its kind."""
    draws = DueQueue(redis, LockKind.DRAW)
    due.add("A", now())
    draws.add("A", now() + timedelta(minutes=1))
    assert ([name.kind for name in claim(redis)[0]], list(draws.all())) == ([LockKind.RUN], ["A"])


def test_a_clock_that_is_set_back_puts_nothing_off(redis, due):
    """A clock set back by an hour delays nothing longer than the longest pause."""
    due.add("A", now() + timedelta(seconds=LONGEST_PAUSE_S + 5))
    due.add("B", now() + timedelta(seconds=LONGEST_PAUSE_S))
    recall(redis)
    assert (claimed(redis), claimed(redis)) == (("A",), ())


def test_only_what_is_in_the_queue_is_extended(due):
    """Extending a member that has left the queue in the meantime does not bring it back."""
    due.add("A", now())
    for name in "AB":
        due.extend(name, 5)
    assert (4 < due.due("A") - now().timestamp() <= 5, due.due("B")) == (True, 0)


def test_news_since_it_was_handed_out_keeps_a_member_in_the_queue(due):
    """A member is taken off only if its time has not changed since it was handed out.

    A changed time means news, so the member stays in the queue.
    """
    due.add("A", now())
    before = due.due("A")
    due.add("A", now() + timedelta(seconds=1))
    due.settle("A", before)
    assert due.due("A") > before
    due.settle("A", due.due("A"), now() + timedelta(days=1))
    assert list(due.all()) == ["A"]
    assert due.due("A") - now().timestamp() <= LONGEST_PAUSE_S  # a later time would be recalled
    due.settle("A", due.due("A"))
    assert due.due("A") == 0
