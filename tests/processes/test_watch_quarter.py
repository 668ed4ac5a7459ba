"""Days of the watch in virtual time, with the real rounds, incidents, cards and stores."""

import pytest
from redis import Redis

from bench.watch_judge import judge
from bench.watch_quarter import simulate


@pytest.fixture(scope="module")
def played(redis_url):
    """Three simulated days with 20 channels in 2 tenants, on a Redis that is empty before."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        quarter = simulate(redis, 3, 3, 20, 2)
        found = judge(quarter)
        redis.flushall()
    return quarter, found


def test_three_days_have_no_false_missed_or_doubled_card(played):
    """Three days of the watch have no false, missed or doubled card.

    Meanwhile clouds fall silent or look wrong for moments, and workers are killed in their rounds.
    """
    quarter, found = played
    assert (found.false, found.missed, found.doubled) == ([], [], [])
    assert sum(found.noticed.values()) >= 3
    assert quarter.killed + quarter.hosts_lost >= 1
    assert sum(map(len, quarter.world.blips.values())) > 500


def test_each_card_comes_within_the_interval_and_two_minutes(played):
    """Each card of the watch comes within the interval and two minutes of virtual time.

    The time in which nobody could look is not counted.
    """
    _, found = played
    assert found.late == []
    assert found.seconds


def test_each_mail_is_in_the_history_once(played):
    """Mails that several looks have shown are counted once, and no mail is lost."""
    _, found = played
    assert found.mails_kept == found.mails_made > 100
