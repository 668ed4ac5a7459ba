"""Tests of the queue of what is due, and of the lock that notices its own loss."""

import math
import time
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.storage import locks
from jobs.storage.locks import AGAIN_S, LONGEST_PAUSE_S, DueQueue, LockKind, LockName, renewed_lock
from tests.fixtures.queue_state import claimed
from tests.fixtures.waiting import until


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
    kinds = [name.kind for name in locks.claim_due(redis)[0]]
    assert (kinds, list(draws.all())) == ([LockKind.RUN], ["A"])


def test_a_clock_that_is_set_back_puts_nothing_off(redis, due):
    """A clock set back by an hour delays nothing longer than the longest pause."""
    due.add("A", now() + timedelta(seconds=LONGEST_PAUSE_S + 5))
    due.add("B", now() + timedelta(seconds=LONGEST_PAUSE_S))
    locks.recall_due(redis)
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


DRAW = LockName(LockKind.DRAW, "run")


@pytest.mark.slow
def test_it_lasts_as_long_as_the_work(redis):
    """A held lock is renewed, so it outlasts its own duration.

    After its release it leaves no key, and another holder gets it.
    """
    with renewed_lock(redis, DRAW, 1.0) as held:
        time.sleep(1.5)
        with renewed_lock(redis, DRAW, 1) as other:
            assert (held is not None and held.renew(), other) == (True, None)
    assert redis.keys("*") == [b"locks:number"]
    with renewed_lock(redis, DRAW, 1) as other:
        assert other is not None


def test_what_another_has_by_now_is_lost(redis):
    """A lock that another holder has by now is lost for good and cannot be renewed.

    The first holder does not release the lock of the new holder. Of two callers one has it.
    """
    with renewed_lock(redis, DRAW, 5) as held:
        assert held is not None
        redis.delete("draw:run")
        with renewed_lock(redis, DRAW, 5) as other, renewed_lock(redis, DRAW, 5) as third:
            assert (held.renew(), held.lost, third) == (False, True, None)
            assert (other.renew(), redis.hlen("locks:held")) == (True, 1)


def test_it_is_noticed_without_being_asked(redis):
    """The thread that renews the lock notices the loss, without a call from the holder."""
    with renewed_lock(redis, DRAW, 0.3) as held:
        redis.set("draw:run", "somebody else")
        until(lambda: held is not None and held.lost, "the loss")
        assert (held is not None and held.lost, redis.get("draw:run")) == (True, b"somebody else")


def test_it_is_waited_for(redis):
    """A caller waits for the lock as long as ``wait_s`` allows, if need be without a limit."""
    redis.set("draw:run", "somebody else", px=300)
    with renewed_lock(redis, DRAW, 5, wait_s=0.1) as held:
        assert held is None
    with renewed_lock(redis, DRAW, 5, wait_s=math.inf) as held:
        assert held is not None


@pytest.mark.slow
def test_each_renewal_is_told_until_it_is_stopped(redis):
    """Each renewal calls ``on_renewal`` until the holder stops renewing.

    Afterwards the lock is held for the rest of its time, and it is released at the end.
    """
    told: list[int] = []
    with renewed_lock(redis, DRAW, 4.0, on_renewal=lambda: told.append(1)) as held:
        assert held is not None
        until(lambda: told, "a renewal")
        held.stop_renewing()
        before = len(told)
        time.sleep(1.5)
        assert (before > 0, len(told), redis.exists("draw:run")) == (True, before, 1)
    assert redis.keys("*") == [b"locks:number"]
