"""Events that wait for a worker: handled once after any crash, given up if no try succeeds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.processes.worker import dispatch_due
from bot.queue import PAUSES_S, EventQueue, PendingEvent, WebhookEvent
from jobs.clock import now
from jobs.storage import codec, keys
from jobs.storage.locks import LEASE_S

EVENT = WebhookEvent("messages", "m1", "anna", "room-1")


@pytest.fixture
def events(redis) -> EventQueue:
    """Queue with one event that has just arrived."""
    made = EventQueue(redis)
    assert made.add(EVENT)
    return made


class Handled:
    """Handler that records the events it is called with, and answers when to try again."""

    def __init__(self, again=None) -> None:
        self.again, self.seen = again, list[PendingEvent]()

    def __call__(self, pending: PendingEvent):
        """Handle an event by recording it."""
        self.seen.append(pending)
        return self.again


def failing(_: PendingEvent) -> None:
    """Fail as a mistake in the bot's own code would."""
    raise ZeroDivisionError


def due_in(redis) -> float:
    """Return the seconds until the event is handed out."""
    return float(redis.zscore(keys.due(), f"event:{EVENT.key}") or 0) - now().timestamp()


def kept(redis) -> PendingEvent | None:
    """Return the event as it is stored in Redis, or None after it was handled."""
    raw = redis.get(keys.event(EVENT.key))
    return codec.load(raw, PendingEvent) if raw else None


def change(redis, **fields: object) -> None:
    """Change fields of the stored event."""
    pending = kept(redis)
    assert pending is not None
    redis.set(keys.event(EVENT.key), codec.dump(replace(pending, **fields)))


def test_an_event_is_handled_once(events, redis):
    """A second job for an event that was handled does nothing.

    The stored data of the event are gone by then.
    """
    handled = Handled()
    for _ in range(2):
        events.process(EVENT.key, handled)
    assert [each.event for each in handled.seen] == [EVENT]
    assert (kept(redis), redis.zcard(keys.due())) == (None, 0)


@pytest.mark.parametrize("left", [3, LEASE_S])
def test_an_event_of_another_machines_worker_comes_when_its_lock_ends(events, redis, left):
    """An event of another machine's worker is tried again when that worker's lock expires.

    This machine cannot see whether the worker is alive, and the lock lasts at most 12 seconds after
    its last renewal.
    """
    redis.set(keys.event_lock(EVENT.key), "other-boot pid:[1]/999999/1/aa", ex=left)
    handled = Handled()
    events.process(EVENT.key, handled)
    assert (handled.seen, left - 1 < due_in(redis) <= left) == ([], True)


def test_an_event_under_way_is_not_handed_out(events, redis):
    """An event that a worker handles is due again only when the worker must have died."""

    def handle(_: PendingEvent) -> None:
        assert LEASE_S < due_in(redis) <= LEASE_S + 1

    events.process(EVENT.key, handle)


def test_a_mistake_is_tried_again_and_ends(events, redis):
    """An event whose handling raises an error is tried four times, then given up and logged.

    The next tries come at once, after 5 and after 30 seconds.
    """
    waits = []
    with capture_logs() as logged:
        for _ in PAUSES_S:
            with pytest.raises(ZeroDivisionError):
                events.process(EVENT.key, failing)
            waits.append(round(due_in(redis)))
            change(redis, not_before=None)
        with pytest.raises(ZeroDivisionError):
            events.process(EVENT.key, failing)
    assert (waits, kept(redis), redis.zcard(keys.due())) == ([*PAUSES_S], None, 0)
    (told,) = (line for line in logged if line["event"].startswith("event given up"))
    assert (told["tries"], told["id"]) == (4, "m1")


def test_an_event_that_kills_its_workers_ends(events, redis):
    """An event that has killed its worker four times is not begun again."""
    change(redis, begun=4)
    handled = Handled()
    events.process(EVENT.key, handled)
    assert (handled.seen, kept(redis), redis.zcard(keys.due())) == ([], None, 0)


@pytest.mark.parametrize(("begun", "pause"), [(0, 0), (1, 0), (2, 5), (3, 30)])
def test_deaths_have_growing_pauses(events, redis, begun, pause):
    """Each crash of a worker makes the pause before the event's next try longer.

    A crash before the try was recorded does not count.
    """
    change(redis, begun=begun)
    events.retry(EVENT.key)
    assert round(due_in(redis)) == pause


def test_a_retry_that_webex_asked_for_is_no_mistake(events, redis):
    """A retry that Webex asked for does not count as one of the failures that end an event."""
    for tries in range(6):
        events.process(EVENT.key, Handled(now() + timedelta(seconds=20)))
        pending = kept(redis)
        assert (pending.tries, pending.begun) == (tries + 1, 0)
        assert 19 < due_in(redis) <= 20
        change(redis, not_before=None)


def early(events: EventQueue, redis, wait: timedelta) -> list[PendingEvent]:
    """Return the events handled by a job that starts ``wait`` before the event is due."""
    events.process(EVENT.key, Handled(now() + wait))
    events.process(EVENT.key, handled := Handled())
    return handled.seen


def test_a_doorbell_that_rings_too_early(events, redis):
    """A job that starts before its event is due does not handle the event, which keeps its time."""
    assert (early(events, redis, timedelta(seconds=40)), 39 < due_in(redis) <= 40) == ([], True)


def test_a_clock_that_is_set_back_puts_no_event_off(events, redis):
    """After the clock was set back, an event does not wait until its old time.

    A time that is further away than any pause was written before the change.
    """
    assert len(early(events, redis, timedelta(hours=2))) == 1


def test_a_doorbell_that_nobody_hears_is_rung_again(services, events, redis):
    """An event whose job was lost is queued again after two seconds, once.

    The web process was killed before it queued the job, or a worker before it began the job.
    """
    events.bell.queue.empty()
    dispatch_due(services.redis)
    assert (events.bell.queue.jobs, 1 < due_in(redis) <= 2) == ([], True)
    redis.zincrby(keys.due(), -2, f"event:{EVENT.key}")
    for _ in range(2):
        dispatch_due(services.redis)
    assert [job.args for job in events.bell.queue.get_jobs()] == [[EVENT.key]]
