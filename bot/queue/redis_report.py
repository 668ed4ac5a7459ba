"""Reports on Redis, workers, events and the watch for ``doctor``: good, wrong or doubtful.

All but :func:`on_redis` raise redis.RedisError without Redis. A managed Redis may refuse INFO and
CONFIG. Then the report says that it cannot look, and calls nothing wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from bot import program
from bot.queue import health, kind_problem, refusal
from jobs.clock import now
from jobs.mail import watch_mail
from jobs.runs.rekeying import Rekeying, doubts
from jobs.runs.run_store import RunStore
from jobs.runs.trust import older_runs
from jobs.storage import generation
from jobs.storage.connection import DemotedError, ForeignRedisError
from jobs.watch import rounds
from jobs.watch.model import WatchedChannel
from jobs.watch.store import Watching

GOOD_POLICY = "noeviction"
CANNOT_LOOK = "it does not let the bot look at {}"
Figures = dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """Sentences of one line of the doctor's report.

    ``wrong`` and ``doubt`` say what to do, and are empty if there is nothing to do.
    """

    good: str = ""
    wrong: str = ""
    doubt: str = ""


def on_redis(redis: Redis) -> Report:
    """Report whether Redis answers, takes writes, drops no data, and keeps the data on disk."""
    try:
        if wrong := kind_problem(redis) or generation.layout_problem(redis):
            return Report(wrong=wrong)
        health.test_write(redis)
        info = _figures(redis.info)
        config = _figures(lambda: redis.config_get("maxmemory-policy", "appendonly", "save"))
    except RedisError as error:
        return Report(wrong=_unusable(error))
    version = info.get("redis_version", "")
    answers = Report(f"answers and takes writes{f', version {version}' if version else ''}")
    parts = (answers, _eviction(info, config), _persistence(info, config))
    columns = zip(*((part.good, part.wrong, part.doubt) for part in parts), strict=True)
    return Report(*("; ".join(filter(None, each)) for each in columns))


def on_workers(redis: Redis) -> Report:
    seen, waiting = health.seen_workers(redis), health.waiting_events(redis)
    unsent, late = health.not_handed_out(redis), health.late_timers(redis)
    events = f"events that wait: {waiting.count}"
    if waiting.count:
        events += f", the oldest for {waiting.age_s:.0f} s"
    if not seen:
        return Report(
            wrong=f"none has said in the last {health.SEEN_S} seconds that it lives: start"
            f" `{program()} worker`; {events}"
        )
    if unsent:
        return Report(
            wrong=f"{unsent}: look for `timer failed` in the worker's log, and restart it"
        )
    if waiting.is_late:
        return Report(
            wrong=f"{events}: the workers are too busy or hang. Look at their logs, and start more workers"
        )
    hosts = ", ".join(sorted({str(each.hostname) for each in seen}))
    timers = ", ".join(f"{name} since {since:%d %b %H:%MZ}" for name, since in late.items())
    return Report(
        f"{len(seen)} RQ workers live, on {hosts}; {events}",
        doubt=timers
        and f"timers that are late: {timers}. Look for `timer failed` in the worker's log",
    )


def on_refused_webhooks(redis: Redis) -> Report:
    found = health.read_refused(redis)
    if found is None:
        return Report("none in the last day")
    return Report(
        doubt=f"{found.count} with a wrong signature since {found.first:%d %b %H:%MZ}, the last at"
        f" {found.last:%d %b %H:%MZ}. If the bot says nothing, WEBEX_WEBHOOK_SECRET of web and worker"
        " differ, or something in between changes the body. Otherwise somebody else calls this address"
    )


def _unusable(error: RedisError) -> str:
    if isinstance(error, DemotedError):
        return (
            "is read-only, because it is a replica: name the primary in REDIS_URL, or its Sentinels"
            " (redis+sentinel://host1:26379,host2:26379/SERVICE/0)"
        )
    if isinstance(error, ForeignRedisError):
        return str(error)
    if isinstance(error, ResponseError):
        return refusal(error) or f"takes no writes ({error}): free memory or disk space"
    return (
        refusal(error)
        or f"does not answer ({type(error).__name__}): set REDIS_URL, or run `{program()} redis`"
    )


def _figures(ask: Callable[[], Mapping[Any, Any]]) -> Figures:
    """Return Redis's answer to a question as names and texts, or nothing if Redis refuses it."""
    try:
        return {str(name): str(value) for name, value in ask().items()}
    except ResponseError:
        return {}


def _eviction(info: Figures, config: Figures) -> Report:
    policy = config.get("maxmemory-policy") or info.get("maxmemory_policy")
    if policy is None:
        return Report(CANNOT_LOOK.format(f"maxmemory-policy, which has to be {GOOD_POLICY}"))
    if policy != GOOD_POLICY:
        return Report(
            wrong=f"maxmemory-policy is {policy}, so a full Redis throws runs away:"
            f" set it to {GOOD_POLICY}"
        )
    return Report()


def _persistence(info: Figures, config: Figures) -> Report:
    append_only = config.get("appendonly") == "yes" or info.get("aof_enabled") == "1"
    if append_only:
        return Report("append-only file on")
    if not config and "aof_enabled" not in info:
        return Report(CANNOT_LOOK.format("its persistence, which has to be an append-only file"))
    if "save" not in config:
        return Report(
            doubt="append-only file off: what runs may be lost when it stops. Switch it on"
        )
    if config["save"]:
        return Report(
            doubt="append-only file off: what has run since the last snapshot is lost when it stops."
            " Switch it on (appendonly yes)"
        )
    return Report(
        wrong="neither an append-only file nor snapshots: what runs is lost when it stops."
        " Switch the append-only file on (appendonly yes)"
    )


def entries(store: RunStore, encryption_keys: Sequence[str] = ()) -> Report:
    """Report whether this bot made every event of a run and every record of a channel.

    With more than one of ``encryption_keys``, the report also says how many values need an older
    key.
    """
    found, kept = doubts(store), _older(store, encryption_keys)
    set_back = "; ".join(older_runs(store))
    wrong = []
    if found.foreign:
        wrong.append(
            f"not made by this bot, and not believed: {'; '.join(found.foreign)}. Somebody else can"
            " write to Redis, or an older key is missing from ENCRYPTION_KEYS. See docs/security.md"
        )
    if found.gaps:
        wrong.append(
            f"do not fit the entries before them: {'; '.join(found.gaps)}. Redis has lost entries, so"
            " /undo may not know every change of these runs: compare the tenant with"
            f" `{program()} audit`. See docs/recovery.md"
        )
    if set_back:
        wrong.append(
            f"set back to an older state, and changing nothing any more: {set_back}. Somebody else can"
            " write to Redis. See docs/security.md"
        )
    if wrong:
        return Report(wrong="; ".join(wrong))
    return Report(f"every entry was made by this bot{kept}")


def _older(store: RunStore, encryption_keys: Sequence[str]) -> str:
    """Return how many values of each kind need an older key, as the end of a sentence.

    The result is an empty string if there is only one key.
    """
    if len(encryption_keys) < 2:  # noqa: PLR2004  nothing that counts can be under another key
        return ""
    older = Rekeying(store.redis, encryption_keys).survey().older
    counts = ", ".join(f"{what}: {count}" for what, count in older.items() if count)
    if not counts:
        return "; nothing needs an older key of ENCRYPTION_KEYS any more"
    return (
        f"; under an older key of ENCRYPTION_KEYS ({counts}): keep it until `{program()} rekey` has"
        " written them again"
    )


def on_watch(store: RunStore) -> Report:
    """Report whether the watched channels are looked at in time.

    A group that waits for a worker, or a channel without a look for more than three intervals, is
    wrong. A sending server that did not take the newest test mail of a channel is a doubt.
    """
    watching, at = Watching.of(store), now()
    channels = watching.channels.all()
    if not channels:
        return Report("no channel is watched; /watch ADDRESS begins it")
    late = rounds.lateness(watching, at)
    if late > rounds.LATE:
        return Report(
            wrong=f"a group of channels has waited for {_minutes(late)} for its round: start"
            f" `{program()} worker`, or look at why the workers do not come to it"
        )
    states = {each: watching.incidents.state(each.mailbox) for each in channels}
    found = (rounds.gap_of(each, state, at) for each, state in states.items())
    if unseen := sorted(filter(None, found), key=lambda gap: gap.since):
        since = unseen[0].since
        return Report(
            wrong=f"{len(unseen)} of {len(channels)} channels were not looked at for more than"
            f" {rounds.INTERVALS} intervals, {unseen[0].mailbox} since {since:%d %b %H:%MZ}: look at"
            " the workers' logs"
        )
    looked = max((each.looked for each in states.values() if each.looked), default=None)
    ended = f"the last look was {_minutes(at - looked)} ago" if looked else "no look has ended yet"
    open_ones = len(watching.incidents.open_incidents())
    parts = [f"channels that are watched: {len(channels)}", ended, f"incidents: {open_ones}"]
    if paused := sum(each.is_paused(at) for each in channels):
        parts.append(f"paused: {paused}")
    return Report(", ".join(parts), doubt=_refused(watching, channels))


def _refused(watching: Watching, channels: Iterable[WatchedChannel]) -> str:
    """Return the sending server's refusals of the newest test mails, or an empty string."""
    redis = watching.channels.redis
    newest = (watch_mail.newest(redis, each.mailbox)[:1] for each in channels)
    causes = Counter(mail.refused for mails in newest for mail in mails if mail.refused)
    if not causes:
        return ""
    told = ", ".join(f"{cause} ({count})" for cause, count in causes.most_common())
    return (
        "the server of PROBE_SMTP_URL did not take the last test mail of some channels, so nothing"
        f" shows there that mail goes the whole way: {told}. Look at PROBE_SMTP_URL and PROBE_FROM, or"
        " set WATCH_TEST_MAIL to 0"
    )


def _minutes(span: timedelta) -> str:
    return f"{max(round(span.total_seconds() / 60), 0)} minutes"
