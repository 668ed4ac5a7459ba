"""Commands of the bot's operator that need settings, such as web, worker, doctor and rekey."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from bot import logs
from bot.queue import cause, connect, connect_for_web, kind_problem, refusal
from bot.settings import BotSettings, log_advice, settings_problems
from jobs.runs import schema
from jobs.settings import Settings, read_files

if TYPE_CHECKING:
    from jobs.runs.run_store import RunStore

BAD_SETTINGS = 2
RECOVER_S = 5.0
"""Seconds between two looks for the work of killed processes, besides that of each new worker."""
RECALL_S = 15.0
"""Seconds between two looks whether the clock was set back."""
TRAIL_S = 10.0
"""Seconds between two looks whether the audit trail was set back."""
MISSING = """The settings are not complete:
  {problems}
Every setting is explained in .env.example."""
log = structlog.get_logger(__name__)


def run(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    """Run one command and return its exit code."""
    logs.configure(env.get("LOG_LEVEL", ""))
    values, unread = read_files(env)
    if problems := settings_problems(values, unread):
        print(MISSING.format(problems="\n  ".join(problems)), file=sys.stderr)  # noqa: T201  CLI output
        return BAD_SETTINGS
    settings, work = BotSettings.from_env(values), Settings.from_env(values)
    if options.command == "look":
        return _look(options, settings, work)
    if options.command == "audit":
        return _audit(options, settings, work)
    command = "check" if getattr(options, "check", False) else str(options.command)
    if command in OF_DATA and (refused := _data_problem(settings.redis_url)):
        print(refused, file=sys.stderr)  # noqa: T201  CLI output
        return BAD_SETTINGS
    return COMMANDS[command](settings, work)


def _web(settings: BotSettings, work: Settings) -> int:
    from bot.web.app import AddressError, serve  # noqa: PLC0415  Flask only here
    from bot.web.metrics_page import own_port  # noqa: PLC0415  Flask only here
    from bot.web.site import whole_site  # noqa: PLC0415  Flask only here

    try:
        with own_port(settings):
            serve(whole_site(settings, work), settings.port, settings.host)
    except AddressError as error:
        print(error, file=sys.stderr)  # noqa: T201  CLI output
        return 1
    return 0


def _worker(settings: BotSettings, work: Settings) -> int:
    from bot.cards import notices, reminders  # noqa: PLC0415  the other commands need no RQ worker
    from bot.cards.notices import LossWatch  # noqa: PLC0415  same
    from bot.chat import limits  # noqa: PLC0415  same
    from bot.processes import measure, worker  # noqa: PLC0415  the other commands need no RQ worker
    from bot.processes.dispatcher import PAUSE_S, Dispatcher  # noqa: PLC0415  same
    from bot.processes.timers import Timers  # noqa: PLC0415  same
    from bot.services import Services  # noqa: PLC0415  same
    from bot.webex.client import HURRIED, Webex  # noqa: PLC0415  same
    from jobs import runtime  # noqa: PLC0415  same
    from jobs.runs import retention  # noqa: PLC0415  same
    from jobs.storage import due_queue  # noqa: PLC0415  same
    from jobs.watch import pulse  # noqa: PLC0415  same

    webex = Webex(settings.webex_access_token, settings.webex_api_url, HURRIED)
    hurried = Services.of(settings, work, connect_for_web(settings.redis_url), webex)
    services = Services.of(
        settings, work, connect(settings.redis_url), webex
    )  # connect inside the process that uses the connection
    runtime.install(services)
    log_advice(settings)
    timers = Timers()
    timers.every(TRAIL_S, hurried.store.audit.look)
    dispatcher = Dispatcher(hurried)
    timers.every(PAUSE_S, dispatcher.dispatch_due)
    timers.every(RECOVER_S, dispatcher.recover)
    timers.every(RECALL_S, partial(due_queue.recall, hurried.redis))
    old_data = retention.Retention(
        services.store, settings.run_retention_days, settings.audit_retention_days
    )
    slow: dict[Callable[[], None], float] = {
        partial(reminders.remind, services): reminders.EVERY_S,
        partial(reminders.remind_of_own, services): reminders.EVERY_S,
        partial(reminders.remind_of_turns, services): reminders.TURNS_EVERY_S,
        partial(limits.record_ended, services): limits.EVERY_S,
        LossWatch(services): notices.LOOK_EVERY_S,
        old_data: retention.EVERY_S,
        partial(measure.measure_runs, services): measure.RUNS_EVERY_S,
        partial(notices.tell_spaces, services): notices.GAPS_EVERY_S,
        partial(notices.ping_if_late, services): pulse.PING_EVERY_S,
        partial(measure.measure_secrets, services): measure.SECRETS_EVERY_S,
    }
    return worker.main(settings, services.shutdown, timers, slow, dispatcher.recover)


def _check(settings: BotSettings, _work: Settings) -> int:
    from bot.processes import worker_check  # noqa: PLC0415  the other commands need no RQ worker

    return worker_check.main(settings.redis_url)


def _data_problem(url: str) -> str:
    """Return why this process cannot use the data, or an empty string.

    The reason is that this version cannot read the data, or that Redis refuses the bot. If Redis is
    unavailable, the string is empty, and the log says why. The data is checked when Redis answers.
    """
    try:
        with connect_for_web(url) as hurried, connect(url) as redis:
            hurried.ping()
            return kind_problem(hurried) or schema.ensure(redis)
    except RedisError as error:
        refused = refusal(error)
        if not refused:
            log.warning("Redis does not answer yet", why=cause(error))
        return refused


def _doctor(settings: BotSettings, work: Settings) -> int:
    from bot import doctor  # noqa: PLC0415  the other commands do not need it

    return doctor.examine(doctor.checks(settings, work), print)


def _audit(options: argparse.Namespace, settings: BotSettings, work: Settings) -> int:
    """Print every audit entry to stdout as stored in Redis, and any break in the chain to stderr.

    With ``--full`` each run in Redis is compared with the trail, too. With ``--file`` a file of the
    trail is verified instead.
    Return 1 if something is wrong or Redis fails, otherwise 0.
    """
    from jobs.runs import audit_file  # noqa: PLC0415  the web process does not need it
    from jobs.runs.run_store import RunStore  # noqa: PLC0415  same
    from jobs.runs.trust import older_runs  # noqa: PLC0415  same

    store = RunStore(connect(settings.redis_url), work.encryption_keys)
    if options.file is not None:
        return _audit_file(options.file, store)
    try:
        lines = (line.decode(errors="backslashreplace") for line in store.audit.entries())
        content = "".join(f"{line}\n" for line in lines).encode()
        sys.stdout.write(audit_file.sealed(store, content).decode())
        found = store.audit.verify()
        wrong = (
            [f"Somebody has set back {run}" for run in older_runs(store)] if options.full else []
        )
    except RedisError as error:
        print(error, file=sys.stderr)  # noqa: T201  CLI output
        return 1
    if found.broken_at:
        wrong.append(f"The trail is broken at entry {found.broken_at}: {found.why}")
    for told in wrong:
        print(f"{told}. See docs/audit.md", file=sys.stderr)  # noqa: T201  CLI output
    return 1 if wrong else 0


def _audit_file(path: Path, store: RunStore) -> int:
    """Verify a file of the audit trail by its seal, and then compare it with the trail."""
    from jobs.runs import audit_file  # noqa: PLC0415  the other commands do not need it

    try:
        content = path.read_bytes()
        wrong = audit_file.problem(store, content) or audit_file.missing(store, content)
    except OSError as error:
        wrong = str(error)
    except RedisError as error:
        print(f"The file is as the bot made it. It was not compared with the trail: {error}")  # noqa: T201  CLI output
        return 0
    told = wrong or "The file is as the bot made it, and the trail has all of its entries"
    print(told, file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def _rekey(settings: BotSettings, work: Settings) -> int:
    from bot.processes import rekey  # noqa: PLC0415  the other commands do not need it

    return rekey.main(connect(settings.redis_url), work.encryption_keys, print)


def _look(options: argparse.Namespace, settings: BotSettings, work: Settings) -> int:
    from bot.processes import look_now  # noqa: PLC0415  the other commands do not need it
    from jobs.runs.run_store import RunStore  # noqa: PLC0415  same

    store = RunStore(connect(settings.redis_url), work.encryption_keys)
    return look_now.main(store, options.mailbox, print, again=options.again)


def _webhooks(settings: BotSettings, _work: Settings) -> int:
    from bot.webex.client import Webex, WebexError  # noqa: PLC0415  the web process needs no Webex
    from bot.webex.webhook_registration import WebhookRegistrar  # noqa: PLC0415  same

    subscriptions = WebhookRegistrar(
        Webex(settings.webex_access_token, settings.webex_api_url),
        connect(settings.redis_url),
        settings,
    )
    try:
        done = subscriptions.register()
        for hook in subscriptions.own():
            print(  # noqa: T201  CLI output
                f"{hook.status:9} {hook.resource}:{hook.event} -> {hook.target_url}"
            )
    except (WebexError, RedisError) as error:
        print(error, file=sys.stderr)  # noqa: T201  CLI output
        return 1
    print(  # noqa: T201  CLI output
        f"created {len(done.created)}, updated {len(done.updated)}, deleted {done.deleted}"
    )
    return 0


COMMANDS: dict[str, Callable[[BotSettings, Settings], int]] = {
    "web": _web,
    "worker": _worker,
    "check": _check,
    "doctor": _doctor,
    "webhooks": _webhooks,
    "rekey": _rekey,
}
OF_DATA = frozenset({"web", "worker", "rekey"})
"""Commands that need data of this version's layout."""
