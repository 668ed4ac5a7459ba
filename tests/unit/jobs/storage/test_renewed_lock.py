"""A lock that lasts as long as the work, and is known to be lost when it is."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from jobs.storage import locks
from jobs.storage.locks import renewed_lock
from tests.fixtures.waiting import until


@pytest.mark.slow
def test_it_lasts_as_long_as_the_work(redis: Redis):
    """Half as long again as its own time later nobody else gets it; afterwards anybody does, and no trace of it is left."""
    with renewed_lock(redis, "draw:run", 1.0) as held:
        time.sleep(1.5)
        assert (held is not None and held.renew(), locks.acquire(redis, "draw:run", 1)) == (True, None)
    assert (redis.keys("*"), locks.acquire(redis, "draw:run", 1) is not None) == ([], True)


def test_of_two_one_has_it(redis: Redis):
    """The second does not wait."""
    with renewed_lock(redis, "draw:run", 5) as first, renewed_lock(redis, "draw:run", 5) as second:
        assert (first is not None, second) == (True, None)


def test_what_another_has_by_now_is_lost(redis: Redis):
    """It is not renewed, never comes back, and is not given back in the other's place."""
    with renewed_lock(redis, "draw:run", 5) as held:
        redis.delete("draw:run")
        other = locks.acquire(redis, "draw:run", 5)
        assert (held is not None and held.renew(), held is not None and held.lost) == (False, True)
    assert other is not None
    assert (other.owned(), redis.hlen(locks.HELD)) == (True, 1)


def test_it_is_noticed_without_being_asked(redis: Redis):
    """The thread that renews it sees the loss."""
    with renewed_lock(redis, "draw:run", 0.3) as held:
        redis.set("draw:run", "somebody else")
        until(lambda: held is not None and held.lost, "the loss")
        assert (held is not None and held.lost, redis.get("draw:run")) == (True, b"somebody else")
