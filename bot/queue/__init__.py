"""RQ queues whose jobs wake a worker for work that is due.

A job is an allowed function and an id. Events, runs, draws and the rounds of the watch have a queue
each. Events and draws wait for Webex, and a run never waits for them (:mod:`bot.processes.worker`).
If a job is lost with its worker, it is replaced (:mod:`jobs.storage.due_queue`).

JSON alone does not make a job safe. A client that can write to Redis could name ``os.system``, so
only the functions of an allow-list are run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.driver_info import DriverInfo
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterCrossSlotError,
    ConnectionError as RedisConnectionError,
    NoPermissionError,
    RedisError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
)
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError
from rq import Queue
from rq.job import Job, JobStatus

from jobs.clock import now
from jobs.storage import codec, due_queue, keys
from jobs.storage.connection import open_redis
from jobs.storage.due_queue import DueQueue
from jobs.storage.locks import LockKind

HANDLE, ADVANCE, DRAW = "bot.events.handler.receive", "jobs.advance.advance", "bot.cards.draw.draw"
LOOK = "bot.processes.watch.look"
ALLOWED = frozenset({HANDLE, ADVANCE, DRAW, LOOK})
NAME = "email-bot"
"""Name of the queue of events."""
RUNS = "email-bot-runs"
CARDS = "email-bot-cards"
WATCH = "email-bot-watch"
WORK = {
    LockKind.EVENT: (NAME, HANDLE),
    LockKind.RUN: (RUNS, ADVANCE),
    LockKind.DRAW: (CARDS, DRAW),
    LockKind.WATCH: (WATCH, LOOK),
}
"""Queue and function of each kind of work."""
SERIALIZER = "json"
JOB_TIMEOUT_S = 900
FAILED_S = 3600
"""Seconds for which a job is kept that failed, or whose worker died."""
WEB_TIMEOUT_S = 0.4
DRIVER = DriverInfo()
NO_PASSWORD = (
    "HELLO must be called with the client already authenticated",
    "Authentication required",
)
"""Error messages of a Redis that needs a password and was given none."""
REFUSALS: dict[str, str] = tomllib.loads(
    Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8")
)
HELLO, MODE = ("HELLO",), "mode"


class NotAllowedError(PermissionError):
    """Job with a function that is not on the allow-list, or with a callback; it is not run."""


class SafeJob(Job):
    """Job that runs only the functions in ``ALLOWED``, with no callbacks and no webhooks.

    Raises:
        NotAllowedError: When ``func`` or a callback is read, so that the worker fails the job.
    """

    @property
    def func(self) -> Callable[..., Any] | None:
        if self.func_name not in ALLOWED:
            raise NotAllowedError(f"job function {self.func_name!r} is not on the list")
        function: Callable[..., Any] | None = super().func
        return function

    @property
    def success_callback(self) -> None:
        """Return None, or raise an error if a callback is set.

        A callback is a function that is given by its name, too.
        """
        self._refuse(self._success_callback_name)

    @property
    def failure_callback(self) -> None:
        self._refuse(self._failure_callback_name)

    @property
    def stopped_callback(self) -> None:
        self._refuse(self._stopped_callback_name)

    def send_webhooks(self, *_status: object, **_more: object) -> None:
        """Send nothing.

        A job may name web addresses that RQ 3 would call at its end (rq/webhook.py).
        """

    def _refuse(self, name: str | None) -> None:
        if name:
            raise NotAllowedError("a job of this queue has no callbacks")


@dataclass(frozen=True, slots=True)
class Doorbell:
    """Doorbell that wakes a worker: a queue, and the function that the worker calls with an id."""

    queue: Queue
    function: str

    @classmethod
    def of(cls, redis: Redis, kind: LockKind) -> Doorbell:
        name, function = WORK[kind]
        return cls(make_queue(redis, name), function)

    def ring(self, member: str, pipe: Pipeline | None = None) -> Job:
        """Wake a worker for ``member``, in the pipeline if one is given.

        An extra job does no harm. RQ's own way takes eight commands, most of them for jobs that
        wait for other jobs, and three times the memory, while thousands of events wait.
        """
        job = self.queue.create_job(self.function, args=(member,), description=self.function)
        batch = self.queue.connection.pipeline(transaction=False) if pipe is None else pipe
        told: dict[Any, Any] = {"data": job.data, "origin": self.queue.name}
        told |= {"failure_ttl": FAILED_S, "status": JobStatus.QUEUED}
        batch.hset(job.key, mapping=told)
        batch.expire(job.key, FAILED_S)
        self.queue.push_job_id(job.id, batch)
        if pipe is None:
            batch.execute()
        return job

    def ring_again(self, members: list[str]) -> None:
        """Wake a worker for each of these members, as far as the queue has no job for them.

        Without this limit, each member that waits for a worker would get another job every few
        seconds. If people ask faster than the workers answer, these jobs would keep the workers
        busy with nothing, and the queue would grow forever (docs/scale.md).
        """
        queued = self.queue.count
        missing = due_queue.waiting(self.queue.connection) - queued if queued else len(members)
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
    """Return a connection for the worker.

    Every job makes a new connection. redis-py would look up its own version each time (4 ms), so it
    is looked up once here.
    """
    return open_redis(url, driver_info=DRIVER)


def connect_for_web(url: str) -> Redis:
    """Return a connection for the web process, which gives up early.

    The web process then answers 503 in under a second instead of after 4.5. The
    connection retries once at once, which repairs a stale connection. An event may be accepted
    twice without harm, because it has an id.
    """
    return open_redis(
        url,
        socket_timeout=WEB_TIMEOUT_S,
        socket_connect_timeout=WEB_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError, RedisTimeoutError)),
    )


def refusal(error: RedisError) -> str:
    """Return the advice about a Redis that answers and refuses the bot.

    The result is an empty string for other errors. A refusal lasts until somebody changes a
    setting. Another error may pass, such as that of a Redis that is only starting.
    """
    kind = ""
    if isinstance(error, AuthenticationError):
        asks = any(words in str(error) for words in NO_PASSWORD)
        kind = "no_password" if asks else "wrong_password"
    elif isinstance(error, NoPermissionError):
        kind = "no_permission"
    elif isinstance(error, AskError | ClusterCrossSlotError):
        kind = "cluster"
    elif isinstance(error, MasterNotFoundError) and "AuthenticationError" in str(error):
        kind = "by_sentinel"
    return REFUSALS.get(kind, "").format(error=error)


def cause(error: RedisError) -> str:
    """Return the words of a Redis error.

    The objects that redis-py lists at the end of a Sentinel's error are left out.
    """
    return str(error).partition(" : <")[0] or type(error).__name__


def kind_problem(redis: Redis) -> str:
    """Return why this kind of server cannot serve the bot, or an empty string.

    The command HELLO names the kind and is allowed to every user. A Redis before version 6 does not
    know HELLO, so the command INFO is sent. If INFO is refused, nothing is known, and the string is
    empty.

    Raises:
        redis.RedisError: Redis is unreachable, or refuses the bot.
    """
    mode = _mode(redis)
    return REFUSALS[mode] if mode in {"cluster", "sentinel"} else ""


def _mode(redis: Redis) -> str:
    """Return the server's mode, such as ``cluster``, or an empty string if it is unknown."""
    try:
        hello: Any = redis.execute_command(*HELLO)  # type: ignore[no-untyped-call]  # untyped in redis-py
    except NoPermissionError:
        return ""
    except ResponseError:
        with suppress(ResponseError):
            return str(redis.info("server").get("redis_mode", ""))
        return ""
    # RESP2 sends names and values as a list
    pairs = hello.items() if isinstance(hello, dict) else zip(hello[::2], hello[1::2], strict=True)
    return {codec.as_text(name): codec.as_text(value) for name, value in pairs}.get(MODE, "")


QUEUED_S = 4
"""Seconds for which a draw counts as queued. A second draw does no harm."""


class CardQueue:
    """Queue of the runs whose cards are to be drawn (:class:`jobs.runtime.Listener`).

    ``schedule`` has the time at which each is drawn. That time differs after each change.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.schedule = DueQueue(redis, LockKind.DRAW)
        self.bell = Doorbell.of(redis, LockKind.DRAW)

    def request(self, run_id: str) -> None:
        """Have the run's cards drawn; a draw that is already queued will see this change too.

        A further draw is scheduled a little later, in case this one is lost with its worker or with
        Redis. A draw that ends cancels it.
        """
        self.schedule.add(run_id, now() + timedelta(seconds=QUEUED_S + 1))
        if self._redis.set(keys.draw_queued(run_id), "1", nx=True, ex=QUEUED_S):
            self.bell.ring(run_id)

    def begin(self, run_id: str) -> float:
        """Mark a queued draw as begun; return when the run's cards are due."""
        self._redis.delete(keys.draw_queued(run_id))
        return self.schedule.due(run_id)
