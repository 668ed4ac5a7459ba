"""The queues between the web process and the workers: JSON arguments, and only functions that stand on a list.

Events, runs and draws have a queue each: events and draws wait for Webex, and a run never waits for them (:mod:`bot.processes.worker`).

JSON alone is no border: who can write to Redis could name ``os.system`` (facts/parts.md B), so a job says what it may be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from rq import Queue
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from rq.worker import BaseWorker

from jobs.clock import now

ALLOWED = frozenset({"bot.events.handler.receive", "jobs.advance.advance", "bot.cards.draw.draw"})
NAME = "email-bot"
"""The queue of events."""
RUNS = "email-bot-runs"
CARDS = "email-bot-cards"
SERIALIZER = "json"
JOB_TIMEOUT_S = 900
WEB_TIMEOUT_S = 0.4
MAINTENANCE_S = 5
STRANDED = timedelta(seconds=4)
BEGUN_S = 0.25
"""How long a living worker has to begin what it has taken."""
DRIVER = DriverInfo()


class NotAllowedError(PermissionError):
    """A job names a function that is not on the list, or brings a callback. It is not run."""


class SafeJob(Job):
    """A job that runs nothing but the functions in ``ALLOWED``, and no callbacks.

    Raises:
        NotAllowedError: by ``func`` and the callbacks, so the worker fails the job.
    """

    @property
    def func(self) -> Callable[..., Any] | None:
        """The function to run."""
        if self.func_name not in ALLOWED:
            raise NotAllowedError(f"job function {self.func_name!r} is not on the list")
        function: Callable[..., Any] | None = super().func
        return function

    @property
    def success_callback(self) -> None:
        """Never one: a callback is a function by name, too."""
        self._refuse(self._success_callback_name)

    @property
    def failure_callback(self) -> None:
        """Never one."""
        self._refuse(self._failure_callback_name)

    @property
    def stopped_callback(self) -> None:
        """Never one."""
        self._refuse(self._stopped_callback_name)

    def _refuse(self, name: str | None) -> None:
        if name:
            raise NotAllowedError("a job of this queue has no callbacks")


class Stranding(IntermediateQueue):
    """Jobs on their way from the queue to a worker. One whose worker died on the way goes back; RQ's own fails it, after a minute."""

    def should_be_cleaned_up(self, job_id: str) -> bool:
        """Whether nobody works on the job although it was taken long ago: a worker needs milliseconds to begin."""
        seen = self.get_first_seen(job_id)
        return seen is not None and now() - seen > STRANDED

    def cleanup(self, worker: BaseWorker, queue: Queue) -> None:
        """Put stranded jobs back to the head of the queue."""
        for job_id in self.get_job_ids():
            if job_id not in queue.started_job_registry and not self.set_first_seen(job_id) and self.should_be_cleaned_up(job_id):
                queue.push_job_id(job_id, at_front=True)
                self.remove(job_id)
                self.connection.delete(self.get_first_seen_key(job_id))


class SafeQueue(Queue):
    """A queue that what died beside it cannot hold up: RQ's own lock for cleaning lasts 15 minutes."""

    job_class = SafeJob

    @property
    def intermediate_queue(self) -> Stranding:
        """Where a job is while a worker takes it."""
        return Stranding(self.key, connection=self.connection)

    def acquire_maintenance_lock(self) -> bool:
        """Whether this worker may clean now; it has as long as the pause between two cleanings."""
        return bool(self.connection.set(self.registry_cleaning_key, 1, nx=True, ex=MAINTENANCE_S))

    def bring_back(self) -> None:
        """Put back what a killed worker had taken and not begun: one of several queues takes by LPOP, which leaves the job nowhere.

        Whoever is alive begins it within milliseconds, so it counts as lost when it is nowhere at a second look, too.
        """
        lost = self._nowhere()
        if lost:
            time.sleep(BEGUN_S)
            for job_id in lost & self._nowhere():
                self.push_job_id(job_id, at_front=True)

    def _nowhere(self) -> set[str]:
        """The jobs of this queue that wait to be begun, but neither in it nor on their way to a worker."""
        prefix = self.job_class.redis_job_namespace_prefix
        keys = list(self.connection.scan_iter(f"{prefix}*", count=1000, _type="hash"))
        with self.connection.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hmget(key, "origin", "status")
            pipe.lrange(self.key, 0, -1)
            pipe.lrange(self.intermediate_queue_key, 0, -1)
            *jobs, waiting, taken = pipe.execute()
        mine = [self.name.encode(), JobStatus.QUEUED.value.encode()]
        found = {key.decode().removeprefix(prefix) for key, job in zip(keys, jobs, strict=True) if job == mine}
        return found - {job_id.decode() for job_id in (*waiting, *taken)}


def make_queue(connection: Redis, name: str = NAME) -> SafeQueue:
    """A queue, by a connection that does not decode answers (RQ reads bytes)."""
    return SafeQueue(name, connection=connection, default_timeout=JOB_TIMEOUT_S, job_class=SafeJob, serializer=SERIALIZER)


def connect(url: str) -> Redis:
    """A connection for the worker. Every job connects anew, so redis-py's own version is looked up once here (4 ms), not each time."""
    return Redis.from_url(url, driver_info=DRIVER)


def connect_for_web(url: str) -> Redis:
    """A connection that gives up early: the web process says 503 in under a second instead of hanging for 4.5 (facts/parts.md G).

    It tries once more at once, which mends a connection that went stale; enqueueing twice is harmless, as job ids are unique.
    """
    return Redis.from_url(
        url,
        socket_timeout=WEB_TIMEOUT_S,
        socket_connect_timeout=WEB_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError, RedisTimeoutError)),
    )
