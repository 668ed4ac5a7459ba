"""Commands that the operator runs beside the bot's processes, such as doctor, audit and rekey."""

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from bot import doctor, table
from bot.queue import connect
from bot.queue.health import cause
from bot.settings import BotSettings
from bot.webex.client import Webex
from bot.webex.errors import WebexError
from bot.webex.webhook_registration import WebhookRegistrar
from jobs.clock import now
from jobs.runs import trust
from jobs.runs.rekeying import Rekeying, What
from jobs.runs.run_store import RunStore
from jobs.settings import Settings
from jobs.watch.model import WatchedChannel
from jobs.watch.store import Watching

WAIT_S = 120.0
"""Seconds to wait for the looks, which no worker, or one of another version, may ever make."""
LOOK_EVERY_S = 0.2
SENTENCES = table(__file__, "rekey")


def run(options: Namespace, bot: BotSettings, work: Settings) -> int:
    """Run a command and return its exit code, which is 1 if something is wrong."""
    store = RunStore(connect(bot.redis_url), work.encryption_keys)
    try:
        if options.command == "trial":
            from bot.processes import trial  # noqa: PLC0415  the others look at no assumption

            return trial.main(options, bot, work)
        return {
            "doctor": lambda: doctor.examine(doctor.checks(bot, work), print),
            "audit": lambda: _audit(options, store),
            "rekey": lambda: rekey(store.redis, work.encryption_keys),
            "look": lambda: look(store, options.mailbox, again=options.again),
            "webhooks": lambda: _webhooks(bot, store.redis),
        }[options.command]()
    except RedisError as error:
        print(f"Redis: {cause(error)}", file=sys.stderr)
    except WebexError as error:
        print(error, file=sys.stderr)
    return 1


def _audit(options: Namespace, store: RunStore) -> int:
    """Print every audit entry to stdout as stored in Redis, and any break in the chain to stderr.

    With ``--full`` each run in Redis is compared with the trail, too. With ``--file`` a file of the
    trail is verified instead.
    """
    if options.file is not None:
        return _audit_file(options.file, store)
    lines = (line.decode(errors="backslashreplace") for line in store.audit.entries())
    content = "".join(f"{line}\n" for line in lines).encode()
    print(trust.sealed_file(store, content).decode(), end="")
    found, older = store.audit.verify(), trust.older_runs(store) if options.full else ()
    wrong = [f"Somebody has set back {run}" for run in older]
    if found.broken_at:
        wrong.append(f"The trail is broken at entry {found.broken_at}: {found.why}")
    for told in wrong:
        print(f"{told}. See docs/audit.md", file=sys.stderr)
    return 1 if wrong else 0


def _audit_file(path: Path, store: RunStore) -> int:
    """Verify a file of the audit trail by its seal, and then compare it with the trail."""
    try:
        content = path.read_bytes()
        wrong = trust.file_problem(store, content) or trust.missing_entries(store, content)
    except OSError as error:
        wrong = str(error)
    except RedisError as error:
        print(f"The file is as the bot made it. It was not compared with the trail: {error}")
        return 0
    told = wrong or "The file is as the bot made it, and the trail has all of its entries"
    print(told, file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def rekey(redis: Redis, encryption_keys: Sequence[str]) -> int:
    """Encrypt every value again under the first key, survey all values, and print both results.

    Return 0 if every value is under the first key, so that the older keys may go, otherwise 1.
    """
    rekeying = Rekeying(redis, encryption_keys)
    try:
        renewed, left = rekeying.renew(), rekeying.survey()
    except (RedisError, KeyboardInterrupt) as error:
        why = type(error).__name__ if isinstance(error, RedisError) else "interrupted"
        print(SENTENCES["cut_off"].format(why=why))
        return 1
    for what in What:
        counts = f"{renewed.older[what]} written again, {renewed.newest[what]} already"
        print(f"{what}: {counts} under the first key")
    for place in left.foreign:
        print(f"NOT SIGNED  {place}")
    counted = {"foreign": len(left.foreign), "left": left.older.total()}
    found = [SENTENCES[name].format(count=count) for name, count in counted.items() if count]
    print("\n".join(found) or SENTENCES["done" if len(encryption_keys) > 1 else "one_key"])
    return 1 if found else 0


def look(store: RunStore, mailbox: str, *, again: bool = False) -> int:
    """Have the workers look at one channel now, or at all if ``mailbox`` is empty.

    Return 1 if a look failed, else 0; no watched channel at all is no failure. The workers make the
    looks with their usual limits. With ``again`` a channel with a suspicion is looked at a second
    time at once, instead of a minute later.
    """
    watching = Watching(store.redis, store.authenticator)
    named = (each for each in watching.channels() if mailbox.lower() in {"", each.mailbox})
    chosen = [each for each in named if not each.is_paused(now())]
    if not chosen:
        what = f"{mailbox} is not watched" if mailbox else "No channel is watched"
        print(f"{what}, or the watch is paused. Type /watch ADDRESS.")
        return int(mailbox != "")
    unseen = _looked_at(watching, chosen)
    if again:
        suspected = (each for each in chosen if watching.state(each.mailbox).suspicion)
        unseen += _looked_at(watching, tuple(suspected))
    for each in chosen:
        print(_channel_line(watching, each.mailbox))
    if unseen:
        print(f"No worker has looked at {', '.join(sorted(set(unseen)))} in {WAIT_S:.0f} s")
    return int(unseen != [])


def _looked_at(watching: Watching, channels: Sequence[WatchedChannel]) -> list[str]:
    """Have each channel looked at now, and return those that no worker has looked at in time."""
    state = watching.state
    before = {each.mailbox: state(each.mailbox).looked for each in channels}
    for each in channels:
        watching.look_soon(each.mailbox)
        watching.schedule.add(each.group, now())
    end = time.monotonic() + WAIT_S
    while left := [name for name, looked in before.items() if state(name).looked == looked]:
        if time.monotonic() > end:
            return left
        time.sleep(LOOK_EVERY_S)
    return []


def _channel_line(watching: Watching, mailbox: str) -> str:
    state = watching.state(mailbox)
    if state.last is None:
        return f"{mailbox}: not looked at"
    seen = f"{state.last.sight} {state.last.cause}".strip()
    incident = watching.open_of_channel(mailbox)
    since = f", incident since {incident.since:%d %b %H:%MZ}" if incident else ""
    first = ", a first look; a second one follows" if state.suspicion else ""
    return f"{mailbox}: {seen}{since}{first}"


def _webhooks(bot: BotSettings, redis: Redis) -> int:
    registrar = WebhookRegistrar(Webex(bot.webex_access_token, bot.webex_api_url), redis, bot)
    done = registrar.register()
    for hook in registrar.own():
        print(f"{hook.status:9} {hook.resource}:{hook.event} -> {hook.target_url}")
    print(f"created {len(done.created)}, updated {len(done.updated)}, deleted {done.deleted}")
    return 0
