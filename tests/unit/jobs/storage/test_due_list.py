"""Tests of the list of due members, each of which is handed out at its time.

The runs' own list is tested with the store.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from jobs.clock import now
from jobs.storage.due_list import DueList


@pytest.fixture
def due(redis: Redis) -> DueList:
    """Return an empty list of due members."""
    return DueList(redis, "tests:due", 13)


def test_a_member_is_handed_out_again_after_its_lease(due: DueList):
    """A member that was handed out is due again after its lease.

    A member that was taken off the list is not due again.
    """
    due.schedule("A", now())
    assert (due.claim(), due.claim(), 12 < due.due("A") - now().timestamp() <= 13) == (
        ("A",),
        (),
        True,
    )
    due.remove("A")
    assert due.due("A") == 0


def test_only_what_is_on_the_list_is_extended(due: DueList):
    """Extending a member that has left the list in the meantime does not bring it back."""
    due.schedule("A", now())
    for name in "AB":
        due.extend(name, 5)
    assert (4 < due.due("A") - now().timestamp() <= 5, due.due("B")) == (True, 0)


def test_news_since_it_was_handed_out_keeps_a_member_on_the_list(due: DueList):
    """A member is taken off only if its time has not changed since it was handed out.

    A changed time means news, so the member stays on the list.
    """
    due.schedule("A", now())
    before = due.due("A")
    due.schedule("A", now() + timedelta(seconds=1))
    due.settle("A", before)
    assert due.due("A") > before
    due.settle("A", due.due("A"))
    assert due.due("A") == 0
