"""Commands that the operator runs beside the bot's processes, such as doctor, audit and rekey."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

from redis.exceptions import RedisError

from bot import doctor
from bot.processes import look_now, rekey
from bot.queue import connect
from bot.settings import BotSettings
from bot.webex.client import Webex, WebexError
from bot.webex.webhook_registration import WebhookRegistrar
from jobs.runs import trust
from jobs.runs.run_store import RunStore
from jobs.runs.trust import older_runs
from jobs.settings import Settings


def _audit(options: Namespace, settings: BotSettings, work: Settings) -> int:
    """Print every audit entry to stdout as stored in Redis, and any break in the chain to stderr.

    With ``--full`` each run in Redis is compared with the trail, too. With ``--file`` a file of the
    trail is verified instead.
    Return 1 if something is wrong or Redis fails, otherwise 0.
    """
    store = RunStore(connect(settings.redis_url), work.encryption_keys)
    if options.file is not None:
        return _audit_file(options.file, store)
    try:
        lines = (line.decode(errors="backslashreplace") for line in store.audit.entries())
        content = "".join(f"{line}\n" for line in lines).encode()
        sys.stdout.write(trust.sealed_file(store, content).decode())
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
    try:
        content = path.read_bytes()
        wrong = trust.file_problem(store, content) or trust.missing_entries(store, content)
    except OSError as error:
        wrong = str(error)
    except RedisError as error:
        print(f"The file is as the bot made it. It was not compared with the trail: {error}")  # noqa: T201  CLI output
        return 0
    told = wrong or "The file is as the bot made it, and the trail has all of its entries"
    print(told, file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def _trial(options: Namespace, settings: BotSettings, work: Settings) -> int:
    from bot import trial  # noqa: PLC0415  the others look at no assumption
    from bot.processes import trial_mailbox  # noqa: PLC0415  same

    mailbox = options.with_mailbox
    played: Iterable[trial.Seen] = ()
    try:
        if mailbox:
            services = trial_mailbox.services_of(settings, work)
            played = trial_mailbox.set_up_and_undo(services, mailbox, input)
        with trial.opened(settings, work, options.domain or mailbox.rpartition("@")[2]) as looking:
            return trial.main(looking, options.file, print, played)
    except (trial_mailbox.NoTrialError, RedisError) as error:
        print(error, file=sys.stderr)  # noqa: T201  CLI output
        return 1


def _webhooks(_: Namespace, settings: BotSettings, _work: Settings) -> int:
    webex = Webex(settings.webex_access_token, settings.webex_api_url)
    subscriptions = WebhookRegistrar(webex, connect(settings.redis_url), settings)
    try:
        done = subscriptions.register()
        for hook in subscriptions.own():
            told = f"{hook.status:9} {hook.resource}:{hook.event} -> {hook.target_url}"
            print(told)  # noqa: T201  CLI output
    except (WebexError, RedisError) as error:
        print(error, file=sys.stderr)  # noqa: T201  CLI output
        return 1
    told = f"created {len(done.created)}, updated {len(done.updated)}, deleted {done.deleted}"
    print(told)  # noqa: T201  CLI output
    return 0


COMMANDS: dict[str, Callable[[Namespace, BotSettings, Settings], int]] = {
    "doctor": lambda _, bot, work: doctor.examine(doctor.checks(bot, work), print),
    "audit": _audit,
    "rekey": lambda _, bot, work: rekey.main(connect(bot.redis_url), work.encryption_keys, print),
    "look": lambda options, bot, work: look_now.main(
        RunStore(connect(bot.redis_url), work.encryption_keys),
        options.mailbox,
        print,
        again=options.again,
    ),
    "trial": _trial,
    "webhooks": _webhooks,
}
