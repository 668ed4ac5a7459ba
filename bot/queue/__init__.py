"""RQ queues whose jobs wake a worker for work that is due.

A job is an allowed function and an id. Events, runs, draws and the rounds of the watch have a queue
each. Events and draws wait for Webex, and a run never waits for them (:mod:`bot.processes.worker`).
If a job is lost with its worker, it is replaced (:mod:`jobs.storage.locks`).

JSON alone does not make a job safe. A client that can write to Redis could name ``os.system``, so
only the functions of an allow-list are run.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry
from rq import Queue
from rq.job import Job, JobStatus

from jobs.clock import now
from jobs.storage import keys
from jobs.storage.connection import open_redis
from jobs.storage.locks import DueQueue, LockKind

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
