"""Commands of the bot's operator that need settings, such as web, worker, doctor and rekey."""

import argparse
import socket
import sys
from collections.abc import Mapping
from functools import partial

import structlog
from redis.exceptions import RedisError

from bot import logs
from bot.processes.supervisor import Role
from bot.queue import connect, connect_for_web
from bot.queue.health import all_workers, cause, kind_problem, not_handed_out, refusal
from bot.settings import from_environment
from jobs.settings import SettingsError
from jobs.storage import generation

BAD_SETTINGS = 2

log = structlog.get_logger(__name__)


def run(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    logs.configure(env.get("LOG_LEVEL", ""))
    try:
        settings, work = from_environment(env)
    except SettingsError as error:
        print("The settings are not complete:", *error.problems, sep="\n  ", file=sys.stderr)
        print("Every setting is explained in .env.example.", file=sys.stderr)
        return BAD_SETTINGS
    if getattr(options, "check", False):
        return _check(settings.redis_url)
    if options.command in OF_DATA and (refused := _data_problem(settings.redis_url)):
        print(refused, file=sys.stderr)
        return BAD_SETTINGS
    roles = []
    if options.command in {"web", "run"}:
        from bot.web import wsgi  # noqa: PLC0415  waitress only here

        web = partial(wsgi.main, settings, work)
        if options.command == "web":
            return web()
        roles = [Role("web", web)]
    if options.command in {"worker", "run"}:
        from bot.processes import worker  # noqa: PLC0415  the others need no RQ worker

        return worker.main(settings, work, *roles)
    from bot.processes import operator_commands  # noqa: PLC0415  most of the bot

    return operator_commands.run(options, settings, work)


def _check(redis_url: str) -> int:
    """Return 0 if an RQ worker of this machine lives and its dispatcher hands out work, else 1.

    Each worker says so in Redis before its key expires, and a supervisor replaces dead workers. If
    Redis does not answer, nothing is known, and a new start would not help: the result is 0.
    """
    host = socket.gethostname()
    try:
        with connect_for_web(redis_url) as redis:
            workers, late = all_workers(redis), not_handed_out(redis, host)
    except RedisError as error:
        print(f"Nothing is known: Redis does not answer ({error}).", file=sys.stderr)
        return 0
    alive = sum(worker.hostname == host for worker in workers)
    lost = f"No RQ worker of {host} has said in time that it lives."
    told = f"{alive} RQ workers live." if alive else lost
    print(f"{told} On {host} {late}." if late else told)
    return 0 if alive and not late else 1


def _data_problem(url: str) -> str:
    """Return why this process cannot use the data, or an empty string.

    The reason is that this version cannot read the data, or that Redis refuses the bot. If Redis is
    unavailable, the string is empty, and the log says why. The data is checked when Redis answers.
    """
    try:
        with connect_for_web(url) as hurried, connect(url) as redis:
            return kind_problem(hurried) or generation.ensure_layout(redis)
    except RedisError as error:
        if not (refused := refusal(error)):
            log.warning("Redis does not answer yet", why=cause(error))
        return refused


OF_DATA = frozenset({"web", "worker", "run", "rekey"})
"""Commands that need data of this version's layout."""
