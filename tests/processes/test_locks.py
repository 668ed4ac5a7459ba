"""Locks that know their process: real processes take them, and are killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.storage import locks
from jobs.storage.locks import LockKind, LockName, renewed_lock

LEASE, DRAW = LockName(LockKind.RUN, "R1"), LockName(LockKind.DRAW, "R1")
TAKE = """
import sys
from redis import Redis
from jobs.storage.locks import LockKind, LockName, renewed_lock
lease = LockName(LockKind.RUN, "R1")
holding = renewed_lock(Redis.from_url(sys.argv[1]), lease, 60)
assert holding.__enter__()
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(redis: Redis, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Process that has taken the lock."""
    line = [sys.executable, "-c", TAKE, redis_url]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603  our own
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"taken\n"
            yield process
        finally:
            process.kill()


def test_what_a_killed_process_held_is_free(holder: subprocess.Popen[bytes], redis: Redis):
    """A lock is released once its process was killed, although it had a minute left.

    It is not released before.
    """
    with renewed_lock(redis, LEASE, 5) as held:
        assert (locks.release_dead(redis), held) == ((), None)
    holder.kill()
    holder.wait()
    assert locks.release_dead(redis) == (LEASE,)
    with renewed_lock(redis, LEASE, 5) as held:
        assert held is not None


def test_the_remains_of_a_process_are_dead(holder: subprocess.Popen[bytes], redis: Redis):
    """A killed process that was not waited for still has its number, but counts as dead."""
    holder.kill()
    for _ in range(200):
        if freed := locks.release_dead(redis):
            break
    assert freed == (LEASE,)


def test_a_process_of_another_machine_is_not_known_to_be_dead(redis: Redis):
    """A lock of another machine's process is not released, because its number means nothing here.

    The lock ends by itself.
    """
    redis.set("run:R1:lease", "other-boot pid:[1]/999999/1/aa", ex=60)
    redis.hset("locks:held", "run:R1", "other-boot pid:[1]/999999/1/aa")
    assert (locks.release_dead(redis), redis.exists("run:R1:lease")) == ((), 1)


def test_another_process_with_the_same_number_is_not_the_holder(
    holder: subprocess.Popen[bytes], redis: Redis
):
    """A lock's holder is dead if the process with its number was started at another time."""
    place, pid, started, rest = (redis.get("run:R1:lease") or b"").decode().split("/")
    assert locks.is_dead(f"{place}/{pid}/{int(started) - 1}/{rest}")
    assert not locks.is_dead(f"{place}/{pid}/{started}/{rest}")


def test_a_lock_that_ran_out_is_not_taken_from_the_next(redis: Redis):
    """A late release takes no lock from its present holder.

    The cleanup of a dead process does not either.
    """
    with renewed_lock(redis, DRAW, 60):
        place, pid, _, rest = (redis.get("draw:R1") or b"").decode().split("/")
        redis.set("draw:R1", "the next")
    assert redis.hgetall("locks:held") == {}
    redis.hset("locks:held", "draw:R1", f"{place}/{pid}/1/{rest}")
    assert (locks.release_dead(redis), redis.get("draw:R1"), redis.hgetall("locks:held")) == (
        (DRAW,),
        b"the next",
        {},
    )


def test_a_lock_of_a_kind_that_is_not_known(redis: Redis):
    """A dead lock of an unknown kind, from a newer version, leaves the list and is not reported."""
    with renewed_lock(redis, DRAW, 60):
        place, pid, _, rest = (redis.get("draw:R1") or b"").decode().split("/")
    redis.hset("locks:held", "tomorrow:R1", f"{place}/{pid}/1/{rest}")
    assert (locks.release_dead(redis), redis.hgetall("locks:held")) == ((), {})
