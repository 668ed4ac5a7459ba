"""Tests of the lock that is renewed as long as its holder works, and that notices its own loss."""

import math
import time

import pytest

from jobs.storage.locks import LockKind, LockName, renewed_lock
from tests.fixtures.waiting import until

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
