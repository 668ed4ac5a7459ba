"""Members by the time at which each is handed out; the runs' own list is tested with the store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from jobs.clock import now
from jobs.storage.due_list import DueList


@pytest.fixture
def due(redis: Redis) -> DueList:
    """An empty list."""
    return DueList(redis, "tests:due", 13)


def test_a_member_is_handed_out_again_after_its_lease(due: DueList):
    """Unless it is taken off the list."""
    due.schedule("A", now())
    assert (due.claim(), due.claim(), 12 < due.due("A") - now().timestamp() <= 13) == (
        ("A",),
        (),
        True,
    )
    due.remove("A")
    assert due.due("A") == 0


def test_only_what_is_on_the_list_is_extended(due: DueList):
    """A run that left the list in the meantime does not come back."""
    due.schedule("A", now())
    for name in "AB":
        due.extend(name, 5)
    assert (4 < due.due("A") - now().timestamp() <= 5, due.due("B")) == (True, 0)


def test_news_since_it_was_handed_out_keeps_a_member_on_the_list(due: DueList):
    """It is settled by the time that it had."""
    due.schedule("A", now())
    before = due.due("A")
    due.schedule("A", now() + timedelta(seconds=1))
    due.settle("A", before)
    assert due.due("A") > before
    due.settle("A", due.due("A"))
    assert due.due("A") == 0
