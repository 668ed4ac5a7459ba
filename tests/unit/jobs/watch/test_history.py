"""Tests of the history of looks: by hour for a week, then by day, and never more than 90 days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from redis import Redis

from jobs.storage import codec, keys
from jobs.watch import history
from jobs.watch.history import Tally
from jobs.watch.model import Eye, LookOutcome, Sight

MAILBOX = "support@contoso.com"
AT = datetime(2026, 11, 27, 3, 10, tzinfo=UTC)


def add(redis: Redis, outcome: LookOutcome, at: datetime) -> None:
    """Record one look in the history."""
    with redis.pipeline() as pipe:
        pipe.watch(keys.watch_history(MAILBOX))
        fields = history.add(pipe, MAILBOX, outcome, at)
        pipe.multi()
        history.write(pipe, MAILBOX, fields)
        pipe.execute()


def rows(redis: Redis) -> dict[str, int]:
    """Return the number of rows of each day: one an hour, or one in all."""
    stored = redis.hgetall(keys.watch_history(MAILBOX))
    return {codec.as_text(day): len(codec.load(raw, dict)) for day, raw in stored.items()}


def test_looks_are_counted(redis: Redis):
    add(redis, LookOutcome(Sight.HEALTHY, calls=3, eyes=(Eye.APP,)), AT)
    add(redis, LookOutcome(Sight.BROKEN, calls=2), AT + timedelta(minutes=1))
    add(redis, LookOutcome(Sight.UNSURE), AT + timedelta(hours=2))
    (today,) = history.days(redis, MAILBOX, AT, 1)
    assert today.date == AT.date()
    counted = Tally(healthy=1, broken=1, unsure=1, calls=5, partly=1)
    assert (today.total, today.total.looks) == (counted, 3)


def test_the_same_mails_count_once(redis: Redis):
    """Mails of an hour that two looks see count once, and the larger number is kept."""
    hour = "2026-11-26T23:00:00+00:00"
    add(redis, LookOutcome(Sight.HEALTHY, mails={hour: 4}), AT)
    add(redis, LookOutcome(Sight.HEALTHY, mails={hour: 3}), AT)
    yesterday, _today = history.days(redis, MAILBOX, AT, 2)
    assert yesterday.total == Tally(mails=4)


def test_old_hours_are_added_up_and_old_days_are_dropped(redis: Redis):
    """The hours of a day are added up to one row after a week. A day is dropped after 90 days."""
    for age in (100, 89, 8, 3, 0):
        for hour in range(3):
            add(redis, LookOutcome(Sight.HEALTHY), AT - timedelta(days=age, hours=hour))
    assert history.fold(redis, MAILBOX, AT) == 3
    assert history.fold(redis, MAILBOX, AT) == 0
    ages = {AT.date() - date.fromisoformat(day): number for day, number in rows(redis).items()}
    assert {age.days: number for age, number in ages.items()} == {0: 3, 3: 3, 8: 1, 89: 1}
    assert history.days(redis, MAILBOX, AT, 9)[0].total == Tally(healthy=3, partly=3)


@pytest.mark.slow
def test_a_quarter_of_a_channel_is_small(redis: Redis):
    """Looks every 15 minutes for 90 days take less than 12 kB in Redis."""
    begin = AT - timedelta(days=95)
    for number in range(95 * 24):
        at = begin + timedelta(hours=number)
        for _ in range(4):
            add(redis, LookOutcome(Sight.HEALTHY, calls=6, mails={at.isoformat(): 12}), at)
        if at.hour == 0:
            history.fold(redis, MAILBOX, at)
    used = redis.memory_usage(keys.watch_history(MAILBOX), samples=0)
    assert redis.hlen(keys.watch_history(MAILBOX)) <= 91
    assert used is not None
    assert int(used) < 12_000
