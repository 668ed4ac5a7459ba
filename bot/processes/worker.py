"""Worker: two RQ workers or more, under a supervisor that is the dispatcher.

Each of them is a process. The RQ workers read different queues. One reads runs and no events or
draws, so that a Webex that hangs in every other job delays no run. One reads no runs, so that long
runs delay no command. With few workers the first one also watches channels, and a round makes room
for a run after each look. What may wait for Webex in the background is a thread of the first one. A
job may run twice, but its effect must happen only once.
"""

import contextvars
import faulthandler
import gc
import importlib
import logging
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from functools import partial

import anyio
import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.timeouts import JobTimeoutException
from rq.utils import now as rq_now
from rq.worker.base import WorkerStatus

from adaptive_cards import locale, texts
from bot import commands, logs, program, queue
from bot.cards import notices
from bot.commands import tac
from bot.processes import redis_server
from bot.processes.supervisor import REFUSED, Role, Supervisor, Timers
from bot.queue import CARDS, JOB_TIMEOUT_S, NAME, RUNS, WATCH, Doorbell, health
from bot.services import Services
from bot.settings import BotSettings, log_advice
from bot.webex.webhook_registration import WATCH_S, WebhookRegistrar
from jobs import probes, runtime, steps
from jobs.causes.patterns import patterns
from jobs.clock import now
from jobs.clouds.http import keep_loop
from jobs.runs import retention
from jobs.settings import Settings
from jobs.storage import generation, locks
from jobs.storage.counters import COUNTERS, FLUSH_S

FEW = ((RUNS, WATCH), (NAME, CARDS))
"""Queues of the first RQ workers, in order of priority, if there are at most three."""
MANY = ((RUNS,), (NAME, CARDS), (WATCH,))
"""Queues of the first RQ workers if there are more."""
MORE = (NAME, RUNS, CARDS)
"""Queues of each further RQ worker (setting WORKERS)."""
WORKER_TTL_S = 25
"""RQ waits 15 seconds less for a job; then it notices a connection that was lost silently."""
PAUSE_S, LEAST_PAUSE_S = 1.0, 0.1
"""Longest and shortest time between two rounds of the dispatcher, in seconds."""
REDIS_PAUSE_S = 0.25
TRAIL_S = 10.0
"""Seconds between two looks whether the audit trail was set back."""
BEAT_S = 10.0
"""Seconds between two signs of life of workers and timers (:data:`bot.queue.health.SEEN_S`)."""
HUNG_S = 60
"""Seconds after a job's timeout after which its whole process ends."""
MOST_JOBS = 5_000
"""Jobs after which a worker is replaced by a new process, so that no leak grows forever."""
MOST_MIB = 256
"""Memory in MiB at which a worker is replaced, because a process keeps what it once had."""
AT_FIRST_USE = ("webexteamssdk", "dns._asyncio_backend", "_strptime", "encodings.ascii")
"""Modules that the bot and its libraries import at their first use, in every RQ worker again."""
log = structlog.get_logger(__name__)


def main(bot: BotSettings, settings: Settings, *more: Role) -> int:
    """Run until SIGTERM; then let every worker finish its job in 30 seconds at most, and return 0.

    If REDIS_URL is not set, the embedded Redis is one more child. Others are the roles ``more``.
    """
    log_advice(bot)

    def parts(connect: Callable[[str], Redis]) -> Services:
        return Services.of(bot, settings, connect(bot.redis_url))

    # each process makes the connections that it uses
    own, slow, services = map(parts, (queue.connect_for_web, queue.connect, queue.connect))
    runtime.install(services)
    background = (_background(slow),)
    roles = []
    for number, queues in enumerate(queues_of(bot.workers), 1):
        tasks = background if number == 1 else ()
        run = partial(work, bot.redis_url, queues, services.shutdown, *tasks)
        roles.append(Role(f"worker {number}", run))
    roles += more
    if bot.embedded_redis:
        if refused := redis_server.refusal():
            return refused
        roles.append(Role("redis", partial(redis_server.main, stand_by=True), stops_last=True))
    preload()
    return Supervisor(tuple(roles), _ticking(own)).run()


def queues_of(workers: int) -> tuple[tuple[str, ...], ...]:
    first = MANY if workers > len(MANY) else FEW
    return first + (MORE,) * (workers - len(first))


def _background(services: Services) -> Timers:
    # These tasks may wait for Webex or take long.
    timers, bot = Timers(), services.bot
    registrar = WebhookRegistrar(services.webex, services.redis, bot)
    turn = [registrar.register]

    def webhooks() -> None:
        turn[0]()
        turn[0] = registrar.watch

    timers.every(WATCH_S, webhooks)
    timers.every(notices.EVERY_S, partial(notices.remind, services))
    timers.every(notices.EVERY_S, partial(notices.remind_of_own, services))
    timers.every(notices.TURNS_EVERY_S, partial(notices.remind_of_turns, services))
    timers.every(tac.FOLLOW_S, partial(tac.follow, services))
    timers.every(notices.GAPS_EVERY_S, partial(notices.tell_spaces, services))
    timers.every(notices.LOOK_EVERY_S, notices.LossWatch(services))
    kept = (bot.run_retention_days, bot.audit_retention_days)
    timers.every(retention.EVERY_S, retention.Retention(services.store, *kept))
    timers.every(BEAT_S, partial(health.beat, services.redis, timers.done))
    return timers


def work(
    redis_url: str,
    queues: tuple[str, ...] = (NAME, RUNS, CARDS, WATCH),
    shutdown: runtime.Shutdown | None = None,
    slow: Timers | None = None,
    *,
    burst: bool = False,
) -> int:
    """Run one RQ worker until SIGTERM, or with ``burst`` until its queues are empty."""
    redis = wait_for_redis(redis_url)
    shutdown = shutdown or runtime.Shutdown()
    if RUNS in queues:
        runs = queue.make_queue(redis, RUNS)
        shutdown.run_waits = lambda: runs.count > 0
    keep_loop()
    worker = BotWorker(
        [queue.make_queue(redis, name) for name in queues],
        connection=redis,
        job_class=queue.SafeJob,
        serializer=queue.SERIALIZER,
        worker_ttl=WORKER_TTL_S,
        log_job_description=False,
    )
    worker.stopping = shutdown
    redis.connection_pool.reset()  # RQ's longer time limit is only for new connections
    rq_level = logging.getLevelName(logs.NOISY["rq"])  # RQ would set its loggers to INFO
    with slow.in_thread() if slow else nullcontext():
        worker.work(burst=burst, logging_level=rq_level)
    return 0


class BotWorker(SimpleWorker):
    """RQ worker whose jobs find nothing of earlier jobs but the open connections.

    Each job runs in a copy of the context, and the event loop of the process keeps no task
    (:func:`jobs.clouds.http.run_job`). While Redis is unavailable, this worker retries every 2
    seconds; RQ's own waits for up to a minute.
    """

    max_connection_wait_time = 2.0
    stopping = runtime.Shutdown()
    jobs_left = MOST_JOBS

    def subscribe(self) -> None:
        # RQ would listen here for commands, with which a writer to Redis could stop the worker.
        # Instead, signs of life begin, also during a long job.
        self._over = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def unsubscribe(self) -> None:
        """Give no more signs of life, and hand over the last counts."""
        self._over.set()
        COUNTERS.flush(self.connection)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            COUNTERS.flush(self.connection)
            with suppress(RedisError), self.connection.pipeline(transaction=False) as pipe:
                self.last_heartbeat = rq_now()
                done = {"successful_job_count": MOST_JOBS - self.jobs_left}
                pipe.hset(self.key, mapping=self.serialize() | done)
                pipe.expire(self.key, self.worker_ttl + 60)
                pipe.sadd(self.redis_workers_keys, self.key)
                pipe.execute()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Leave the signs of life to the thread, because RQ would give twenty for each job."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001  as in RQ
        """Go on: RQ would ask Redis before each job whether somebody has suspended all workers."""

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Keep the state in this process, where alone it is read."""
        self._state = state

    def handle_warm_shutdown_request(self) -> None:
        # SIGTERM. The supervisor kills the process only if the job takes too long to end.
        self.stopping.request()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job, unless SIGTERM has come; after many jobs, or with much memory, end.

        A job that hangs where Python cannot interrupt it ends with this process. If a newer version
        has changed the layout of the data, the job is left to that version's workers.
        """
        if self.stopping.requested():
            raise StopRequested
        if why := generation.layout_problem(self.connection):
            log.critical("data refused", why=why)
            return
        self.set_state(WorkerStatus.BUSY)
        faulthandler.dump_traceback_later((job.timeout or JOB_TIMEOUT_S) + HUNG_S, exit=True)
        try:
            contextvars.copy_context().run(self._perform, job, queue)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self.set_state(WorkerStatus.IDLE)
        self.jobs_left -= 1
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        mib = peak >> (20 if sys.platform == "darwin" else 10)
        if self.jobs_left <= 0 or mib > MOST_MIB:
            log.info("worker is replaced", jobs=MOST_JOBS - self.jobs_left, mib=mib)
            self._stop_requested = True

    def _perform(self, job: Job, queue: Queue) -> None:
        """Run the job's function with the job's id in every line of the log, and forget the job.

        A job that failed is kept for an hour.
        """
        job.started_at = rq_now()
        limit = self.death_penalty_class(job.timeout or JOB_TIMEOUT_S, JobTimeoutException)
        failed = False
        try:
            with structlog.contextvars.bound_contextvars(job=job.id), limit:
                job.perform()
        except Exception:  # noqa: BLE001  a failed job must not end the worker
            failed, job.ended_at = True, rq_now()
            self.handle_exception(job, *sys.exc_info())
            self.handle_job_failure(job, queue, exc_string=traceback.format_exc())
        with self.connection.pipeline(transaction=False) as pipe:
            if not failed:
                pipe.delete(job.key)
            if len(self.queues) == 1:
                pipe.lrem(queue.intermediate_queue_key, 1, job.id)
            pipe.execute()


def wait_for_redis(url: str) -> Redis:
    """Return a connection to Redis once it takes writes and has data of this version's layout.

    RQ itself would give up at once, but all processes start together.

    Raises:
        SystemExit: Redis refuses the bot, or this version cannot use the data.
    """
    redis = queue.connect(url)
    if why := _silence(redis):
        to_do = f"set REDIS_URL, or run `{program()} redis`"
        log.warning("waiting for Redis", why=why, to_do=to_do)
    while _silence(redis):
        time.sleep(REDIS_PAUSE_S)
    _leave_newer_data(redis, generation.ensure_layout)
    return redis


def _silence(redis: Redis) -> str:
    """Return why Redis takes no writes, or an empty string if it does.

    Raises:
        SystemExit: Redis refuses the bot, or is a Cluster, which waiting does not change.
    """
    why, refused = "", ""
    try:
        refused = health.kind_problem(redis)
        if not refused:
            health.test_write(redis)
    except RedisError as error:
        why, refused = health.cause(error), health.refusal(error)
    if refused:
        log.critical("Redis refuses the bot", why=refused)
        raise SystemExit(REFUSED)
    return why


def _leave_newer_data(redis: Redis, problem: Callable[[Redis], str]) -> None:
    """End all of the worker's processes if a newer version has changed the data's layout."""
    if why := problem(redis):
        log.critical("data refused", why=why)
        raise SystemExit(REFUSED)


def dispatch_due(redis: Redis) -> float:
    """Wake workers for everything that is due; return the seconds until the next round.

    One process on each machine that does this is enough; more do no harm.
    """
    claimed, more_s = locks.claim_due(redis)
    for kind in {name.kind for name in claimed}:
        Doorbell(redis, kind).ring_again([name.owner for name in claimed if name.kind is kind])
    return PAUSE_S if more_s is None else min(max(more_s, LEAST_PAUSE_S), PAUSE_S)


def recover(services: Services) -> None:
    """Have the work of killed processes done again, and at once."""
    redis = services.redis
    # locks of other kinds belong to work that is retried on its own
    freed = [name for name in locks.release_dead(redis) if name.kind in locks.DUE]
    for lock in freed:
        if lock.kind is locks.LockKind.EVENT:
            services.events.retry(lock.owner)
        else:
            Doorbell(redis, lock.kind).add(lock.owner, now())
    if freed:
        dispatch_due(redis)


def _ticking(own: Services) -> Callable[[bool], float]:
    """Return the supervisor's own work, which begins when Redis takes writes for the first time.

    These timers, with their intervals in seconds, wait for nothing but Redis, on a connection that
    gives up early. If a child died, all of them run at once, so that its work is done again.
    """
    timers, redis = Timers(), own.redis
    timers.every(TRAIL_S, own.store.audit.look)
    timers.every(PAUSE_S, partial(dispatch_due, redis))
    timers.every(5.0, partial(recover, own))
    timers.every(15.0, partial(locks.recall_due, redis))
    timers.every(5.0, partial(_leave_newer_data, redis, generation.layout_problem))
    timers.every(FLUSH_S, partial(COUNTERS.flush, redis))
    timers.every(BEAT_S, partial(health.beat, redis, timers.done))
    silent = iter(partial(_silence, redis), "")

    def tick(died: bool) -> float:  # noqa: FBT001  the supervisor's only word
        for _ in silent:
            return REDIS_PAUSE_S
        return timers.tick(died)

    return tick


def preload() -> None:
    """Load code and texts once, so that all workers share their memory."""
    of_jobs = sorted(function.rpartition(".")[0] for function in queue.ALLOWED)
    for module in (*of_jobs, *AT_FIRST_USE):
        importlib.import_module(module)
    for registry in (commands.actions, commands.by_typed_name, steps.all_steps, probes.all_probes):
        registry()
    anyio.run(anyio.sleep, 0)
    patterns()
    for language in locale.languages():  # Babel reads its data, 6 MiB, at first use
        texts.keys(language)
        with locale.drawn_for(locale.Locale(language)):
            locale.day_clock(now())
            locale.lasted(timedelta())
    gc.collect()
    gc.freeze()  # keeps the memory shared with the jobs shared: their garbage collection does not touch it
