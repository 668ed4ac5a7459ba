"""Numbers for Prometheus, as the metrics page shows them."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from bot.queue.metrics import PREFIX, exposition
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.storage import keys
from jobs.storage.counters import CALLS, EVENTS_REFUSED, Counters
from jobs.watch.model import LookOutcome, Sight, WatchedChannel
from jobs.watch.store import IncidentStore, WatchStore
from tests.fixtures.queue_state import alive, wait


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
    store = WatchStore(redis)
    store.save(watched)
    store.schedule.add(watched.group, begun)
    for second in range(2):
        outcome = LookOutcome(Sight.BROKEN, "not_forwarded")
        IncidentStore(redis).record(watched, outcome, begun + timedelta(seconds=second))
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
