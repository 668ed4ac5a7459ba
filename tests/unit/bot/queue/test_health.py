"""Health of Redis, the workers and the events."""

import socket
from datetime import timedelta

import pytest

from bot.queue import connect_for_web, health
from jobs.clock import now
from jobs.storage import generation, keys
from tests.fixtures import redis_servers
from tests.fixtures.queue_state import EVENT, alive, wait


def state(**parts: str) -> dict[str, str]:
    """Return a state in which all other parts are healthy."""
    found = dict.fromkeys(("redis", "workers", "events", "data", "dispatch"), "ok") | parts
    return found | {"status": "unavailable" if parts else "ok"}


def without_redis(why: str) -> dict[str, str]:
    """Return the state without Redis, in which nothing else is known."""
    unknown = dict.fromkeys(("workers", "events", "data", "dispatch"), "unknown")
    return state(redis=why, **unknown)


def test_everything_is_in_order(redis):
    """All parts are healthy if a worker lives and an event has come a moment ago."""
    alive(redis)
    wait(redis, 5)
    assert health.look(redis) == state()


def test_no_worker(redis):
    """The workers are missing if none was ever there or the last sign of life is too old."""
    nothing = "nothing that is due is handed out"
    assert health.look(redis) == state(workers="missing", dispatch=nothing)
    alive(redis, health.SEEN_S + 1)
    assert health.look(redis) == state(workers="missing")
    alive(redis, health.SEEN_S - 5)
    assert health.look(redis) == state()


def test_an_event_that_nobody_has_begun(redis):
    """An event that no worker has begun is late after a minute, and its age is known."""
    alive(redis)
    wait(redis, health.LATE_S + 5)
    count, age_s = health.waiting_events(redis)
    assert (count, round(age_s)) == (1, health.LATE_S + 5)
    assert health.look(redis) == state(events="late")


def test_a_dispatcher_that_hangs(redis, monkeypatch):
    """The bot is not ready once no host hands anything out, and says since when.

    A host whose own dispatcher hangs is late, although another host does the work.
    """
    hung = now().replace(second=10)
    monkeypatch.setattr(health, "now", lambda: hung)
    alive(redis)
    later = hung + timedelta(seconds=health.SEEN_S + 5)
    monkeypatch.setattr(health, "now", lambda: later)
    said = f"nothing that is due is handed out since {hung:%d %b %H:%MZ}"
    assert health.look(redis)["dispatch"] == said
    here = socket.gethostname()
    monkeypatch.setattr(socket, "gethostname", lambda: "another-host")
    health.beat(redis, {health.DISPATCH: 1.0})
    assert (health.not_handed_out(redis), health.not_handed_out(redis, here)) == ("", said)


def test_an_event_that_waits_for_webex_is_not_late(redis):
    """An event that a worker has tried, and that waits for Webex, is not late.

    The bot does not stop taking webhooks because Webex is away.
    """
    queue = wait(redis, health.LATE_S * 5)
    queue.process(EVENT.key, lambda _: now() + timedelta(seconds=30))
    assert health.waiting_events(redis)[0] == 0


@pytest.mark.parametrize("odd", ["no JSON", '{"event": 7}', b"\xff"])
def test_what_is_no_event(redis, odd):
    """What is no event does not count as one, and goes from the queue of what is due at its turn."""
    alive(redis)
    queue = wait(redis, 5)
    key = "0" * 40
    redis.set(keys.event(key), odd)
    redis.zadd(keys.due(), {f"event:{key}": 1})
    assert (health.look(redis), health.waiting_events(redis)[0]) == (state(), 1)
    queue.process(key, lambda _: None)
    assert redis.zscore(keys.due(), f"event:{key}") is None


def test_data_of_a_newer_version(redis):
    """Data of a newer version are reported as refused.

    The web process answers every request with 503 then.
    """
    alive(redis)
    redis.set("schema", generation.LAYOUT + 1)
    assert health.look(redis) == state(data="refused")


@pytest.mark.slow
def test_a_redis_that_takes_no_writes(redis, tmp_path, free_port):
    """A replica, a full Redis and a missing Redis are each reported with a word of their own."""
    with redis_servers.pair(tmp_path) as (_, replica):
        with connect_for_web(f"redis://127.0.0.1:{replica.port}/0") as client:
            assert health.look(client) == without_redis("read-only")
        replica.lead()
        replica.ask("CONFIG", "SET", "maxmemory", 1)
        with connect_for_web(f"redis://127.0.0.1:{replica.port}/0") as client:
            assert health.look(client) == without_redis("unwritable")
    with connect_for_web(f"redis://127.0.0.1:{free_port}/0") as client:
        assert health.look(client) == without_redis("unreachable")


def test_a_user_who_may_not_write(redis, redis_url):
    """A Redis user who may not write is reported with another word than a Redis that is away."""
    redis.acl_setuser("reader", enabled=True, passwords=["+word"], categories=["+@read"], keys="*")
    try:
        with connect_for_web(redis_url.replace("//", "//reader:word@")) as client:
            assert health.look(client) == without_redis("refused")
    finally:
        redis.acl_deluser("reader")
