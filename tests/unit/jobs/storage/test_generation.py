"""Tests of the detection of lost data in Redis, using a real server whose data is taken away."""

import pytest

from jobs.storage import generation, keys
from jobs.storage.generation import TOLERATED_S, Generation


class Watch:
    """Processes that watch the same Redis, with a clock that the test moves."""

    def __init__(self, redis, count: int = 1) -> None:
        self.at = 0.0
        self.all = [Generation(redis, lambda: self.at) for _ in range(count)]

    def look(self, times: int = 1) -> list[str]:
        """Let all processes look, five seconds apart, and return their answers.

        An answer is the new id of the data after a loss, and otherwise an empty string.
        """
        found = []
        for _ in range(times):
            self.at += 5
            found += [each.look() for each in self.all]
        return found


def test_nothing_is_lost_while_redis_keeps_it(redis):
    """No loss is reported at the first start, with data of an earlier start, or with two hosts."""
    assert {*Watch(redis).look(20), *Watch(redis, 2).look(20)} == {""}


def test_an_empty_redis_is_noticed_once_by_each(redis):
    """After FLUSHALL, both hosts learn the same new id at their next look, and only then."""
    watch = Watch(redis, 2)
    watch.look()
    redis.flushall()
    first, second = watch.look()
    assert (first, set(watch.look(20))) == (second, {""})
    assert redis.hget(keys.generation(), "id") == first.encode()


@pytest.mark.parametrize("hosts", [1, 2])
def test_an_older_state_is_noticed(redis, hosts):
    """A backup of some minutes ago counts as a loss: it has the same id and a smaller number."""
    watch = Watch(redis, hosts)
    watch.look(3)
    backup = redis.dump(keys.generation())
    watch.look(30)
    redis.restore(keys.generation(), 0, backup, replace=True)
    found = watch.look()
    assert (len(set(found)), "" in found, set(watch.look(20))) == (1, False, {""})


def test_the_last_seconds_may_be_missing(redis):
    """The loss of the last seconds is not reported.

    A failover loses a few seconds of writes, and the runs continue by themselves after that.
    """
    watch = Watch(redis)
    watch.look(20)
    backup = redis.dump(keys.generation())
    watch.look(int(TOLERATED_S / 5) - 1)
    redis.restore(keys.generation(), 0, backup, replace=True)
    assert set(watch.look(20)) == {""}


@pytest.mark.parametrize(
    ("number", "words"),
    [("2", "has layout 2, and this version reads layout 1"), ("0", "layout 0"), ("x", "layout x")],
)
def test_another_layout_is_refused(redis, number, words):
    """Data of a newer or unknown layout is refused with an explanation, and nothing is changed.

    The first start writes the number and nothing else. A later start leaves it as it is.
    """
    assert (generation.layout_problem(redis), redis.keys()) == ("", [])
    for _ in range(2):
        assert generation.ensure_layout(redis) == ""
        assert (redis.get("schema"), redis.keys()) == (b"1", [b"schema"])
    redis.set("schema", number)
    for look in (generation.ensure_layout, generation.layout_problem):
        assert words in look(redis)
    assert redis.get("schema") == number.encode()
