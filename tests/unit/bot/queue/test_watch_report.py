"""Line of the ``doctor`` command about the watch of the channels."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.doctor import Report, examine
from bot.queue.redis_report import on_watch
from bot.services import Services
from jobs.clock import now
from jobs.mail import watch_mail
from jobs.runs.run_store import RunStore
from tests.unit.bot.watched import BROKEN, GOOD, MAILBOX, look, watch

MINUTES = timedelta(minutes=1)


def settle(services: Services) -> None:
    """Make the next round due later, as the end of a round does."""
    channels = services.watching.channels
    for group in channels.schedule.all():
        channels.schedule.add(group, now() + 10 * MINUTES)


def test_nothing_is_watched(services: Services):
    """If no channel is watched, the report says how to begin a watch."""
    report = on_watch(services.store)
    assert (report.good, report.wrong, report.doubt) == (
        "no channel is watched; /watch ADDRESS begins it",
        "",
        "",
    )


def test_a_watch_that_works(services: Services):
    """The report on a working watch gives the age of its last look, its channels and incidents."""
    watched = watch(services)
    settle(services)
    assert "no look has ended yet" in on_watch(services.store).good
    for minutes in (5, 4):
        look(services, watched, BROKEN, now() - minutes * MINUTES)
    settle(services)
    report = on_watch(services.store)
    assert (report.good, report.wrong, report.doubt) == (
        "channels that are watched: 1, the last look was 4 minutes ago, incidents: 1",
        "",
        "",
    )


def test_a_round_that_waits_for_a_worker_is_wrong(services: Services):
    """A round that waits for a worker is reported as wrong.

    The report says for how long the round has waited, and which process to start.
    """
    watched = watch(services)
    services.watching.channels.schedule.add(watched.group, now() - 12 * MINUTES)
    wrong = on_watch(services.store).wrong
    assert "has waited for 12 minutes for its round" in wrong
    assert "worker`" in wrong


def test_a_channel_that_nobody_looks_at_is_wrong(services: Services):
    """A channel without a look for over three intervals is reported as wrong, with its address."""
    watched = replace(watch(services), since=now() - 120 * MINUTES)
    services.watching.channels.save(watched)
    look(services, watched, GOOD, now() - 50 * MINUTES)
    settle(services)
    assert f"1 of 1 channels were not looked at for more than 3 intervals, {MAILBOX} since" in (
        on_watch(services.store).wrong
    )


def test_a_sending_server_that_refuses_is_a_doubt(services: Services):
    """A mail server that refuses the test mails is a doubt, until it takes one."""
    watched = watch(services)
    look(services, watched, GOOD, now())
    settle(services)
    mail = replace(watch_mail.new_mail(now()), refused="smtp_busy")
    watch_mail.save(services.redis, MAILBOX, mail)
    report = on_watch(services.store)
    assert "smtp_busy (1). Look at PROBE_SMTP_URL" in report.doubt
    taken = replace(watch_mail.new_mail(now()), sent=now())
    watch_mail.save(services.redis, MAILBOX, taken)
    assert on_watch(services.store).doubt == ""


def test_redis_is_away(monkeypatch: pytest.MonkeyPatch, redis: Redis):
    """If Redis is away, the line about the watch says so, and the doctor's other lines follow."""

    def away(*_: object, **__: object) -> None:
        raise RedisConnectionError("refused")

    monkeypatch.setattr(Redis, "execute_command", away)
    said: list[str] = []
    checks = ("watch", lambda: on_watch(RunStore(redis))), ("next", Report)
    assert examine(iter(checks), said.append) == 1
    assert said == ["WRONG  watch: cannot be read (ConnectionError)", "ok     next: "]
