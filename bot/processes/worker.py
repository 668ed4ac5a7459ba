"""Worker: two RQ workers or more, under a supervisor that is the dispatcher.

Each of them is a process. The RQ workers read different queues. One reads runs and no events or
draws, so that a Webex that hangs in every other job delays no run. One reads no runs, so that long
runs delay no command. With few workers the first one also watches channels, and a round makes room
for a run after each look. What may wait for Webex in the background is a thread of the first one. A
job may run twice, but its effect must happen only once.
"""

from __future__ import annotations

import gc
import importlib
import logging
import platform
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial

import anyio
import httpx
import msgspec
import structlog
from redis import Redis
from redis.exceptions import RedisError

from adaptive_cards import locale, texts, times
from adaptive_cards.locale import Locale
from bot import actions, commands, logs, program
from bot.actions import tac
from bot.cards import notices
from bot.cards.presenters.card_state import PostedCard
from bot.chat import limits
from bot.links import PageToken
from bot.processes import redis_server
from bot.processes.dispatcher import PAUSE_S, Dispatcher
from bot.processes.supervisor import REFUSED, Role, Supervisor
from bot.processes.timers import Timers
from bot.processes.warm_worker import BotWorker
from bot.queue import (
    ALLOWED,
    CARDS,
    NAME,
    RUNS,
    SERIALIZER,
    WATCH,
    SafeJob,
    cause,
    connect,
    connect_for_web,
    health,
    kind_problem,
    make_queue,
    refusal,
)
from bot.queue.events import PendingEvent
from bot.services import Services
from bot.settings import BotSettings, log_advice
from bot.webex.client import HURRIED, Webex, WebexPerson
from bot.webex.session import public_authorities
from bot.webex.webhook_registration import WATCH_S, WebhookRegistrar
from jobs import probes, runtime, steps
from jobs.causes.patterns import patterns
from jobs.clock import now
from jobs.clouds import warm_loop
from jobs.clouds.tls import http_context
from jobs.runs import retention
from jobs.runs.channel_index import Record
from jobs.runs.run import Event
from jobs.runtime import Shutdown
from jobs.settings import Settings
from jobs.storage import due_queue, generation
from jobs.storage.counters import COUNTERS, FLUSH_S
from jobs.watch import rounds

FEW = ((RUNS, WATCH), (NAME, CARDS))
"""Queues of the first RQ workers, in order of priority, if there are at most three."""
MANY = ((RUNS,), (NAME, CARDS), (WATCH,))
"""Queues of the first RQ workers if there are more."""
MORE = (NAME, RUNS, CARDS)
"""Queues of each further RQ worker (setting WORKERS)."""


WORKER_TTL_S = 25
"""Seconds of RQ's worker TTL.

RQ waits 15 seconds less than this time for a job. After that wait it notices a connection that was
lost silently.
"""


REDIS_PAUSE_S = 0.25
RECOVER_S = 5.0
"""Seconds between two looks for the work of killed processes."""
RECALL_S = 15.0
"""Seconds between two looks whether the clock was set back."""
TRAIL_S = 10.0
"""Seconds between two looks whether the audit trail was set back."""
LAYOUT_S = 5.0
"""Seconds after which a running worker looks again whether it can read the data."""
BEAT_S = 10.0
"""Seconds between two heartbeats of the timers (:data:`bot.queue.health.SEEN_S`)."""
RQ_LEVEL = logging.getLevelName(logs.NOISY["rq"])
"""Log level that RQ gives its loggers when it begins. RQ's own default is INFO."""


AT_FIRST_USE = (
    "webexteamssdk",
    "netrc",
    "dns._asyncio_backend",
    "_strptime",
    "encodings.ascii",
    "resource",
)
"""Modules that are imported at their first use, and so again in every RQ worker.

The bot, RQ, requests, dnspython and datetime import them at that time.
"""


log = structlog.get_logger(__name__)


def main(bot: BotSettings, settings: Settings, *more: Role) -> int:
    """Run until SIGTERM; then let every worker finish its job, and return 0.

    Stopping takes at most 30 seconds, Redis included. If REDIS_URL is not set, the embedded Redis is
    one more child. Others are the roles ``more``.
    """
    log_advice(bot)
    own, slow, services = (  # each process makes the connections that it uses
        Services.of(
            bot,
            settings,
            connection(bot.redis_url),
            Webex(bot.webex_access_token, bot.webex_api_url, HURRIED),
        )
        for connection in (connect_for_web, connect, connect)
    )
    runtime.install(services)
    background = [_background(slow)]
    roles = [
        Role(
            f"worker {number}",
            partial(work, bot.redis_url, queues, services.shutdown, *background[: number == 1]),
        )
        for number, queues in enumerate(queues_of(bot.workers), 1)
    ]
    roles += more
    if bot.embedded_redis:
        if refused := redis_server.problem():
            print(refused, file=sys.stderr)  # noqa: T201  for the operator
            return REFUSED
        roles.append(Role("redis", partial(redis_server.main, stand_by=True), stops_last=True))
    preload()
    return Supervisor(tuple(roles), _ticking(own)).run()


def queues_of(workers: int) -> tuple[tuple[str, ...], ...]:
    """Return the queues of each of so many RQ workers."""
    first = MANY if workers > len(MANY) else FEW
    return first + (MORE,) * (workers - len(first))


def _background(services: Services) -> Timers:
    """Return the tasks that may wait for Webex or take long."""
    timers, bot = Timers(), services.bot
    registrar = WebhookRegistrar(services.webex, services.redis, bot)
    turn = [registrar.register]

    def webhooks() -> None:
        turn[0]()
        turn[0] = registrar.watch

    timers.every(WATCH_S, webhooks)
    for function, seconds in (
        (notices.remind, notices.EVERY_S),
        (notices.remind_of_own, notices.EVERY_S),
        (notices.remind_of_turns, notices.TURNS_EVERY_S),
        (limits.record_ended, limits.EVERY_S),
        (tac.follow, tac.FOLLOW_S),
        (notices.tell_spaces, notices.GAPS_EVERY_S),
        (notices.ping_if_late, rounds.PING_EVERY_S),
    ):
        timers.every(seconds, partial(function, services))
    timers.every(notices.LOOK_EVERY_S, notices.LossWatch(services))
    kept = (bot.run_retention_days, bot.audit_retention_days)
    timers.every(retention.EVERY_S, retention.Retention(services.store, *kept))
    timers.every(BEAT_S, partial(health.beat, services.redis, timers.done))
    return timers


def work(
    redis_url: str,
    queues: tuple[str, ...] = (NAME, RUNS, CARDS, WATCH),
    shutdown: Shutdown | None = None,
    slow: Timers | None = None,
    *,
    burst: bool = False,
) -> int:
    """Run one RQ worker until SIGTERM, or with ``burst`` until its queues are empty."""
    redis = wait_for_redis(redis_url)
    shutdown = shutdown or Shutdown()
    if RUNS in queues:
        runs = make_queue(redis, RUNS)
        shutdown.run_waits = lambda: runs.count > 0
    warm_loop.keep()
    worker = BotWorker(
        [make_queue(redis, name) for name in queues],
        connection=redis,
        job_class=SafeJob,
        serializer=SERIALIZER,
        worker_ttl=WORKER_TTL_S,
        log_job_description=False,
        shutdown=shutdown,
    )
    redis.connection_pool.reset()  # RQ's longer time limit is only for new connections
    with slow.in_thread() if slow else nullcontext():
        worker.work(burst=burst, logging_level=RQ_LEVEL)
    return 0


def wait_for_redis(url: str) -> Redis:
    """Return a connection to Redis once it takes writes and its data has the layout of this version.

    RQ gives up at the first failure, but at start all processes start together.
    The layout is that of :mod:`jobs.storage.generation`.

    Raises:
        SystemExit: Redis refuses the bot, or this version cannot use the data.
    """
    redis = connect(url)
    said = False
    while why := _silence(redis):
        if not said:
            log.warning(
                "waiting for Redis", why=why, to_do=f"set REDIS_URL, or run `{program()} redis`"
            )
        said = True
        time.sleep(REDIS_PAUSE_S)
    if why := generation.ensure_layout(redis):
        log.critical("data refused", why=why)
        raise SystemExit(REFUSED)
    return redis


def _silence(redis: Redis) -> str:
    """Return why Redis takes no writes, or an empty string if it does.

    Raises:
        SystemExit: Redis refuses the bot, or is a Cluster, which waiting does not change.
    """
    why, refused = "", ""
    try:
        refused = kind_problem(redis)
        if not refused:
            health.test_write(redis)
    except RedisError as error:
        why, refused = cause(error), refusal(error)
    if refused:
        log.critical("Redis refuses the bot", why=refused)
        raise SystemExit(REFUSED)
    return why


def _leave_newer_data(redis: Redis) -> None:
    """End this worker if a newer version has changed the layout since it was started.

    Raises:
        SystemExit: This version does not read the data any more. All of the worker's processes end.
    """
    if why := generation.layout_problem(redis):
        log.critical("data refused", why=why)
        raise SystemExit(REFUSED)


def _ticking(own: Services) -> Callable[[bool], float]:
    """Return the supervisor's own work, which begins when Redis takes writes for the first time.

    These timers wait for nothing but Redis, on a connection that gives up early. If a child died, all
    of them run at once, so that its work is done again.
    """
    timers, redis, dispatcher = Timers(), own.redis, Dispatcher(own)
    timers.every(TRAIL_S, own.store.audit.look)
    timers.every(PAUSE_S, dispatcher.dispatch_due)
    timers.every(RECOVER_S, dispatcher.recover)
    timers.every(RECALL_S, partial(due_queue.recall, redis))
    timers.every(LAYOUT_S, partial(_leave_newer_data, redis))
    timers.every(FLUSH_S, partial(COUNTERS.flush, redis))
    timers.every(BEAT_S, partial(health.beat, redis, timers.done))
    silent = iter(partial(_silence, redis), "")

    def tick(died: bool) -> float:  # noqa: FBT001  the supervisor's only word
        for _ in silent:
            return REDIS_PAUSE_S
        return timers.tick(died)

    return tick


def preload() -> None:
    """Load code, texts and certificates, so that a job starts within 9 ms instead of 182.

    Some libraries do part of their work only at first use: httpx and anyio
    import modules, and msgspec inspects the types.
    """
    for module in (*sorted(function.rpartition(".")[0] for function in ALLOWED), *AT_FIRST_USE):
        importlib.import_module(module)
    _fill_registries()
    httpx.Client(verify=http_context()).close()
    public_authorities()
    platform.python_implementation()  # the SDK names it in each session, and Python looks for it once
    anyio.run(anyio.sleep, 0)
    patterns()
    for language in locale.languages():  # Babel reads its data, 6 MiB, at first use
        with locale.drawn_for(Locale(language)):
            times.day_clock(now())
            times.lasted(timedelta())
    for kind in (Event, Record, PendingEvent, PostedCard, PageToken, WebexPerson):
        msgspec.json.Decoder(kind)
    gc.collect()
    gc.freeze()  # keeps the memory shared with the jobs shared: their garbage collection does not touch it


def _fill_registries() -> None:
    """Find the actions, commands, steps and probes, and read the texts of every language."""
    for registry in (actions.actions, commands.by_typed_name, steps.all_steps, probes.all_probes):
        registry()
    for language in locale.languages():
        texts.keys(language)
