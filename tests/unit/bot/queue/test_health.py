"""Health and figures of the queue, for the pages that operators ask."""

import socket
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from bot.queue import connect_for_web, health
from bot.queue.metrics import PREFIX, exposition
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.storage import generation, keys
from jobs.storage.counters import CALLS, EVENTS_REFUSED, Counters
from jobs.watch.model import LookOutcome, Sight, WatchedChannel
from jobs.watch.store import Watching
from tests.fixtures import redis_servers
from tests.fixtures.queue_state import EVENT, alive, wait


def state(**parts: str) -> dict[str, str]:
    """Return a state in which all other parts are healthy."""
    found = dict.fromkeys(("redis", "workers", "events", "data", "dispatch"), "ok") | parts
    return found | {"status": "unavailable" if parts else "ok"}


def without_redis(why: str) -> dict[str, str]:
    """Return the state without Redis, in which nothing else is known."""
    return state(redis=why, **dict.fromkeys(("workers", "events", "data", "dispatch"), "unknown"))


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
    monkeypatch.setattr(health, "now", lambda: hung + timedelta(seconds=health.SEEN_S + 5))
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
    wait(redis, health.LATE_S * 5).process(EVENT.key, lambda _: now() + timedelta(seconds=30))
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


def shown(redis: Redis):
    """Return each number by its name without the prefix, and by its labels."""
    content, kind = exposition(redis)
    assert kind.startswith("text/plain")
    return {
        (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def test_events_and_workers(redis):
    """The metrics show an event that waits, its age, and that no worker is there to begin it."""
    wait(redis, 90)
    found = shown(redis)
    assert found["events_waiting", ()] == found["events_unfinished", ()] == 1
    assert 90 <= found["oldest_event_seconds", ()] < 300
    assert (found["workers", ()], found["redis_up", ()]) == (0, 1)
    alive(redis)
    assert shown(redis)["workers", ()] == 1


def test_counters_begin_at_zero_and_are_read_from_redis(redis):
    """A counter is read from Redis and is shown as 0 before its first count.

    So Prometheus sees the first refusal as a rise.
    """
    refused = ("events_refused_total", (("reason", "signature"),))
    assert shown(redis)[refused] == 0
    process = Counters()
    process.add(EVENTS_REFUSED, "signature", by=3)
    process.flush(redis)
    assert shown(redis)[refused] == 3
    assert shown(redis)["events_refused_total", (("reason", "body"),)] == 0


def test_a_histogram_is_cumulative(redis):
    """Each bucket of a histogram also counts the quicker calls, and the last one counts all."""
    process = Counters()
    for seconds in (0.01, 0.2, 1000):
        process.time(CALLS, "graph", "ok", seconds=seconds)
    process.flush(redis)
    labels = (("cloud", "graph"), ("outcome", "ok"))

    def bucket(bound: str) -> float:
        return found["call_seconds_bucket", (("cloud", "graph"), ("le", bound), ("outcome", "ok"))]

    found = shown(redis)
    assert [bucket(bound) for bound in ("0.05", "0.1", "0.25", "90.0", "+Inf")] == [1, 1, 2, 2, 3]
    assert (found["call_seconds_count", labels], found["call_seconds_sum", labels]) == (3, 1000.21)


def test_the_watch_is_seen(redis):
    """The metrics count watched channels and open incidents, and say how late the watch is."""
    empty = shown(redis)
    assert (empty["watched_channels", ()], empty["watch_late_seconds", ()]) == (0, 0)
    person, begun = Person("p", "anna@contoso.com"), now() - timedelta(minutes=7)
    watched = WatchedChannel(Channel("a@contoso.com"), "room-1", person, begun)
    store = Watching(redis)
    store.save(watched)
    store.schedule.add(watched.group, begun)
    for second in range(2):
        outcome = LookOutcome(Sight.BROKEN, "not_forwarded")
        store.add_look(watched, outcome, begun + timedelta(seconds=second))
    found = shown(redis)
    assert (found["watched_channels", ()], found["incidents_open", ()]) == (1, 1)
    assert 420 <= found["watch_late_seconds", ()] < 480
    assert found["watch_looks_total", ()] == 0


def test_the_clock_is_shown_as_the_processes_measured_it(redis):
    """The clock's skew is the newest median of a process."""
    redis.set(keys.clock_skew("webex"), "41.0")
    found = shown(redis)
    assert found["clock_skew_seconds", (("cloud", "webex"),)] == 41
    assert ("clock_skew_seconds", (("cloud", "microsoft"),)) not in found


@pytest.mark.slow
def test_without_redis_one_number_says_so(free_port):
    """Without Redis the page still answers, so that the alert about Redis is the right one."""
    with Redis(port=free_port) as nobody:
        found = shown(nobody)
    assert {name for name, _ in found} == {"info", "redis_up"}
    assert found["redis_up", ()] == 0


def test_no_label_comes_from_a_stranger(redis):
    """A counter that this version does not know is not shown, so no stranger makes a label."""
    redis.hset(keys.figures("counters"), mapping={"people|anna@contoso.com": 1, "cards|a|b|c": 1})
    content, _ = exposition(redis)
    assert b"anna" not in content
