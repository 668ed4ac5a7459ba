"""RQ queues whose jobs wake a worker for work that is due.

A job is an allowed function and an id. Events, runs, draws and the rounds of the watch have a queue
each. Events and draws wait for Webex, and a run never waits for them (:mod:`bot.processes.worker`).
If a job is lost with its worker, it is replaced (:mod:`jobs.storage.locks`).

JSON alone does not make a job safe. A client that can write to Redis could name ``os.system``, so
only the functions of an allow-list are run.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
import structlog
from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry
from rq import Queue
from rq.job import Job, JobStatus

from jobs.clock import now
from jobs.storage import codec, keys, locks
from jobs.storage.connection import open_redis
from jobs.storage.counters import COUNTERS, EVENTS_HANDLED, EVENTS_RECEIVED
from jobs.storage.locks import DueQueue, LockKind, LockName, renewed_lock

log = structlog.get_logger(__name__)
NAME, RUNS = "email-bot", "email-bot-runs"
"""Names of the queues of events and of runs."""
CARDS, WATCH = "email-bot-cards", "email-bot-watch"
WORK = {
    LockKind.EVENT: (NAME, "bot.events.handler.receive"),
    LockKind.RUN: (RUNS, "jobs.advance.advance"),
    LockKind.DRAW: (CARDS, "bot.cards.draw.draw"),
    LockKind.WATCH: (WATCH, "bot.processes.watch.look"),
}
"""Queue and function of each kind of work."""
ALLOWED = frozenset(function for _, function in WORK.values())
SERIALIZER = "json"
JOB_TIMEOUT_S = 900
FAILED_S = 3600
"""Seconds for which a job is kept that failed, or whose worker died."""
WEB_TIMEOUT_S = 0.4
DRIVER = DriverInfo()


class NotAllowedError(PermissionError):
    """Job with a function that is not on the allow-list, or with a callback; it is not run."""


class SafeJob(Job):
    """Job that runs only the functions in ``ALLOWED``, with no callbacks and no webhooks."""

    @property
    def func(self) -> Callable[..., Any] | None:
        if self.func_name not in ALLOWED:
            raise NotAllowedError(f"job function {self.func_name!r} is not on the list")
        function: Callable[..., Any] | None = super().func
        return function

    def _no_callback(self) -> None:
        # A callback is a function that is given by its name.
        some = self._success_callback_name or self._failure_callback_name
        if some or self._stopped_callback_name:
            raise NotAllowedError("a job of this queue has no callbacks")

    success_callback = failure_callback = stopped_callback = property(_no_callback)

    def send_webhooks(self, *_status: object, **_more: object) -> None:
        """Send nothing; RQ 3 would call web addresses that a job names (rq/webhook.py)."""


class Doorbell(DueQueue):
    """Work of one kind that is due, and a doorbell that wakes a worker for it."""

    @cached_property
    def queue(self) -> Queue:
        return make_queue(self.redis, WORK[self.kind][0])

    def ring(self, member: str) -> None:
        """Wake a worker for ``member``. An extra job does no harm.

        RQ's own way takes eight commands, most of them for jobs that wait for other jobs, and three
        times the memory, while thousands of events wait.
        """
        function = WORK[self.kind][1]
        job = self.queue.create_job(function, args=(member,), description=function)
        told: dict[Any, Any] = {"data": job.data, "origin": self.queue.name}
        told |= {"failure_ttl": FAILED_S, "status": JobStatus.QUEUED}
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hset(job.key, mapping=told)
            pipe.expire(job.key, FAILED_S)
            self.queue.push_job_id(job.id, pipe)
            pipe.execute()

    def ring_again(self, members: list[str]) -> None:
        """Wake a worker for each of these members, as far as the queue has no job for them.

        A member that waits would else get another job every few seconds, forever (docs/scale.md).
        """
        queued = self.queue.count
        missing = self.count() - queued if queued else len(members)
        for member in members[: max(missing, 0)]:
            self.ring(member)


def make_queue(connection: Redis, name: str = NAME) -> Queue:
    """Return a queue; ``connection`` must not decode answers, because RQ reads bytes."""
    return Queue(
        name,
        connection=connection,
        default_timeout=JOB_TIMEOUT_S,
        job_class=SafeJob,
        serializer=SERIALIZER,
    )


def connect(url: str) -> Redis:
    """Return a connection; redis-py would look up its own version for each (4 ms)."""
    return open_redis(url, driver_info=DRIVER)


def connect_for_web(url: str) -> Redis:
    """Return a connection that gives up early, so that the web process answers 503 in a second."""
    # One retry repairs a stale connection. An event that is accepted twice has an id.
    passing = (exceptions.ConnectionError, exceptions.TimeoutError)
    return open_redis(
        url,
        socket_timeout=WEB_TIMEOUT_S,
        socket_connect_timeout=WEB_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, supported_errors=passing),
    )


QUEUED_S = 4
"""Seconds for which a draw counts as queued. A second draw does no harm."""


class CardQueue(Doorbell):
    """Queue of the runs whose cards are to be drawn."""

    def request(self, *run_ids: str) -> None:
        """Have the runs' cards drawn; a draw that is already queued will see this change too.

        A further draw, which the first one cancels at its end, is scheduled in case that is lost.
        """
        for run_id in run_ids:
            self.add(run_id, now() + timedelta(seconds=QUEUED_S + 1))
            if self.redis.set(keys.draw_queued(run_id), "1", nx=True, ex=QUEUED_S):
                self.ring(run_id)

    def begin(self, run_id: str) -> float:
        """Mark a queued draw as begun; return when the run's cards are due."""
        self.redis.delete(keys.draw_queued(run_id))
        return self.due(run_id)


WEBHOOKS_PATH = "/webhooks/webex"
RESOURCES = {name.lower(): name for name in ("messages", "attachmentActions", "memberships")}
"""Webex's names of the kinds of events, by their names in lower case."""
REMEMBER_S = 3600
"""Seconds for which an event is remembered: longer than the worker handles one, 10 minutes."""
RUNG_S = 2.0
"""Seconds within which a worker must begin an event before another job wakes a worker for it."""
PAUSES_S = (0, 5, 30)
"""Seconds before each retry after a killed worker or an error; then the event is given up."""
ADD = """
if redis.call('set', KEYS[1], ARGV[1], 'nx', 'ex', ARGV[2]) then
  return redis.call('zadd', KEYS[2], ARGV[3], ARGV[4])
end
return 0
"""
"""Redis script that keeps an event and puts it on the queue, unless the event is known."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Event as it is kept: ids and a time, and nothing else that Webex sent."""

    resource: str
    id: str
    actor: str = ""
    room: str = ""
    created: str = ""
    card: str = ""

    @property
    def key(self) -> str:
        """Return the id of the event: a hash, because Webex's ids may contain any character.

        A membership that is created again has the same id, so its time is part of the hash.
        """
        again = self.created if self.resource == "memberships" else ""
        return hashlib.sha256(f"{self.resource}\n{self.id}\n{again}".encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """Event that is not handled yet.

    Attributes:
        tries: How often the event was put off because Webex did not answer.
        begun: How many tries in a row have begun and not ended, including the present one.
        not_before: When the event is tried again; a doorbell that rings too early does not change it.
    """

    event: WebhookEvent
    arrived: datetime
    tries: int = 0
    begun: int = 0
    not_before: datetime | None = None

    @property
    def wait_s(self) -> float:
        """Return the seconds until the next try, or 0 if it may be made now.

        A time beyond the longest pause was written before the clock was set back.
        """
        left = (self.not_before - now()).total_seconds() if self.not_before else 0.0
        return left if 0 < left <= locks.LONGEST_PAUSE_S else 0.0


Handle = Callable[[PendingEvent], datetime | None]
"""Function that handles an event and returns the time of its next try, or None."""


def readable(raw: object) -> PendingEvent | None:
    """Return a stored event; None if it is handled, or if this bot has not written it."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        return codec.load(raw, PendingEvent) if isinstance(raw, bytes) and raw else None
    return None


class EventQueue:
    """Queue of the events that Webex has sent and no worker has handled yet.

    Each event is handled to its end, no matter which process dies. It is kept until then, and its id
    for an hour after that, so that another delivery is recognized. A retry is a new time in
    the queue of what is due. Every method raises redis.RedisError if Redis is unavailable.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.bell = Doorbell(redis, LockKind.EVENT)

    def add(self, event: WebhookEvent) -> bool:
        """Keep an event and wake a worker for it; return False if it is known."""
        arrived = now()
        kept, again = codec.dump(PendingEvent(event, arrived)), arrived.timestamp() + RUNG_S
        names = (keys.event(event.key), keys.due())
        field = self.bell.field(event.key)
        is_new = self._redis.eval(ADD, 2, *names, kept, REMEMBER_S, again, field)
        if is_new:
            self.bell.ring(event.key)
            COUNTERS.add(EVENTS_RECEIVED, event.resource)
        return bool(is_new)

    def retry(self, key: str) -> None:
        if (pending := self._load(key)) is not None:
            self._put_off_or_give_up(pending)

    def process(self, key: str, handle: Handle) -> None:
        """Handle an event if it is due and no other worker is handling it.

        An error of ``handle`` postpones the event and is raised again.
        """
        lock = LockName(LockKind.EVENT, key)
        with renewed_lock(self._redis, lock) as held:
            if held is None:  # its worker may be dead, which shows when the lock ends
                self.bell.extend(key, max(self._redis.pttl(lock.key), 0) / 1000)
            elif (pending := self._load(key)) is None:
                self.bell.remove(key)
            elif pending.wait_s:
                self.bell.extend(key, pending.wait_s)
            elif pending.begun > len(PAUSES_S):
                self._put_off_or_give_up(pending)
            else:
                pending = replace(pending, begun=pending.begun + 1)
                self._save(pending, locks.after_lease())
                try:
                    again = handle(pending)
                except Exception:
                    COUNTERS.add(EVENTS_HANDLED, "failed")
                    self._put_off_or_give_up(pending)
                    raise
                COUNTERS.add(EVENTS_HANDLED, "done" if again is None else "put_off")
                tries = pending.tries + 1
                self._save(replace(pending, tries=tries, begun=0, not_before=again), again)

    def _put_off_or_give_up(self, pending: PendingEvent) -> None:
        again = None
        if pending.begun > len(PAUSES_S):
            COUNTERS.add(EVENTS_HANDLED, "given_up")
            about = {"resource": pending.event.resource, "id": pending.event.id}
            log.error("event given up: no try has ended", tries=pending.begun, **about)
        else:
            again = now() + timedelta(seconds=PAUSES_S[max(pending.begun - 1, 0)])
        self._save(replace(pending, not_before=again), again)

    def _load(self, key: str) -> PendingEvent | None:
        raw = self._redis.get(keys.event(key))
        pending = readable(raw)
        if raw and pending is None:
            log.error("an unreadable event is dropped", id=key)
            self._redis.delete(keys.event(key))
        return pending

    def _save(self, pending: PendingEvent, due: datetime | None) -> None:
        """Store the event, or without a time only that it is handled, and then when it is due."""
        key = pending.event.key
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(keys.event(key), codec.dump(pending) if due else "", ex=REMEMBER_S)
            if due:
                self.bell.add(key, due, pipe)
            else:
                self.bell.remove(key, pipe)
            pipe.execute()
