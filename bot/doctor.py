"""Command ``python -m bot doctor``: checks whether everything that the bot needs is available.

If something is missing, it says what to do. The report is plain text for the person who operates
the bot. Its sentences are in doctor.toml.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from bot import program, table
from bot.queue import RESOURCES, connect_for_web, health
from bot.settings import NO_APPROVERS, BotSettings
from bot.webex.client import Webex
from bot.webex.errors import WebexError
from bot.webex.webhook_registration import WebhookRegistrar
from jobs.access import tenants
from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds import errors
from jobs.clouds.calls import measured
from jobs.clouds.clock_skew import METER, NAMES, REFUSED_FROM_S, TOLD_FROM_S, shared, words
from jobs.clouds.http import sync_client
from jobs.contact_center.services import organization_id, read_changes
from jobs.contact_center.webex_org_id import is_org_id, normalize
from jobs.mail import watch_mail
from jobs.microsoft.client_credential import own_credential
from jobs.runs.rekeying import Rekeying, doubts
from jobs.runs.run_store import RunStore
from jobs.runs.trust import older_runs
from jobs.settings import Settings
from jobs.storage import codec, counters, generation, keys
from jobs.storage.connection import DemotedError
from jobs.watch.model import WatchedChannel
from jobs.watch.store import INTERVALS, LATE, Watching, gap_of

EXCHANGE_HOSTS = (".office365.com", ".office365.us", ".outlook.com")
MARKS = ("ok", "DOUBT", "WRONG")
"""Marks of a line. A doubt is about something that works today and will stop: it is no error."""
_SENTENCES = {
    f"{of}.{kind}": (mark, sentence)
    for of, marks in table(__file__).items()
    for mark, sentences in marks.items()
    for kind, sentence in sentences.items()
}
REFUSED = counters.field_of(counters.EVENTS_REFUSED.name, ("signature",))
Told = tuple[str, str]
"""Mark and sentence."""
Line = tuple[str, Iterable[Told]]
"""Line of the report: the name of its check, and the check, which begins when it is read."""


def told(key: str, **values: object) -> Told:
    """Return a sentence of doctor.toml, or the one about every other status."""
    mark, sentence = _SENTENCES.get(key) or _SENTENCES[f"{key.partition('.')[0]}.0"]
    return mark, sentence.format(program=program(), **values)


def examine(checks: Iterator[Line], say: Callable[[str], None]) -> int:
    """Run every check, report a line for each, and return 1 if anything is wrong, else 0.

    A line has the sentences with the worst mark.
    """
    wrong = 0
    for name, check in checks:
        try:
            found = tuple(check)
        except RedisError as error:
            found = (told("redis.unread", why=type(error).__name__),)
        worst = max((mark for mark, _ in found), key=MARKS.index)
        say(f"{worst:6} {name}: {'; '.join(each for mark, each in found if mark == worst)}")
        wrong |= worst == MARKS[-1]
    return wrong


def checks(bot: BotSettings, work: Settings) -> Iterator[Line]:
    redis = connect_for_web(bot.redis_url)
    webex = Webex(bot.webex_access_token, bot.webex_api_url)
    people, by = ", ".join(bot.allowed_email_domains), ", ".join(bot.approvers)
    yield "settings", [told("settings.good", url=bot.public_url, people=people)]
    yield "approvers", [told(f"approvers.{'good' if by else 'none'}", by=by or NO_APPROVERS)]
    yield "Redis", on_redis(redis)
    yield "workers", on_workers(redis)
    yield "Webex", _webex(webex)
    if bot.allowed_org_ids:
        yield "organizations", _organizations(bot.allowed_org_ids, webex)
    yield "webhooks", _webhooks(WebhookRegistrar(webex, redis, bot))
    yield "refused webhooks", on_refused_webhooks(redis)
    yield "Microsoft", _microsoft(work)
    yield "clock", on_clock(redis)
    own = own_credential(work)
    sentences = zip(MARKS, (own.words, own.doubt, own.problem), strict=True)
    yield "the bot's own app", [each for each in sentences if each[1]]
    yield "test mail", _test_mail(work)
    if work.connect_audit_url:
        yield "Webex Connect's audit log", _audit_log(work)
    if work.contact_center_url:
        yield "contact center", _contact_center(work)
    with suppress(RedisError):  # reported by an earlier check
        if granted := tenants.all_grants(redis):
            yield "read access", _read_access(granted, work)
    runs = RunStore(redis, work.encryption_keys)
    yield "runs", on_runs(runs, work.encryption_keys)
    yield "watch", on_watch(runs)
    yield "audit trail", _audit(runs)


def on_redis(redis: Redis) -> Iterator[Told]:
    """Report whether Redis answers, takes writes, drops no data, and keeps the data on disk."""
    try:
        if wrong := health.kind_problem(redis) or generation.layout_problem(redis):
            yield MARKS[-1], wrong
            return
        health.test_write(redis)
        info = _figures(redis.info)
        config = _figures(lambda: redis.config_get("maxmemory-policy", "appendonly", "save"))
    except DemotedError:
        yield told("redis.replica")
        return
    except RedisError as error:
        kind, known = "full" if isinstance(error, ResponseError) else "away", health.refusal(error)
        unusable = told(f"redis.{kind}", error=error, why=type(error).__name__)
        yield (MARKS[-1], known) if known else unusable
        return
    yield told("redis.good", version=info.get("redis_version", "unknown"))
    policy = config.get("maxmemory-policy") or info.get("maxmemory_policy")
    if policy != "noeviction":
        yield told("redis.policy" if policy else "redis.policy_unseen", policy=policy)
    yield told(f"redis.{_kept(config, info)}")


def _kept(config: dict[str, str], info: dict[str, str]) -> str:
    if config.get("appendonly") == "yes" or info.get("aof_enabled") == "1":
        return "append_only"
    if "save" not in config:
        return "no_file" if config or "aof_enabled" in info else "disk_unseen"
    return "snapshots" if config["save"] else "nothing_kept"


def _figures(ask: Callable[[], Mapping[Any, Any]]) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in ask().items()}
    except ResponseError:  # a managed Redis may refuse INFO and CONFIG, which is nothing wrong
        return {}


def on_workers(redis: Redis) -> Iterator[Told]:
    seen, (waiting, age_s) = health.seen_workers(redis), health.waiting_events(redis)
    oldest = f", the oldest for {age_s:.0f} s" if waiting else ""
    events = f"events that wait: {waiting}{oldest}"
    if not seen:
        yield told("workers.none", seconds=health.SEEN_S, events=events)
    elif unsent := health.not_handed_out(redis):
        yield told("workers.unsent", unsent=unsent)
    elif age_s > health.LATE_S:
        yield told("workers.busy", events=events)
    else:
        hosts = ", ".join(sorted({str(each.hostname) for each in seen}))
        yield told("workers.good", count=len(seen), hosts=hosts, events=events)
        late = health.late_timers(redis).items()
        if timers := ", ".join(f"{name} since {since:%d %b %H:%MZ}" for name, since in late):
            yield told("workers.timers", timers=timers)


def on_refused_webhooks(redis: Redis) -> Iterator[Told]:
    if last := codec.as_text(redis.get(keys.webhooks_refused())):
        count = counters.read(redis).get(REFUSED, 0)
        yield told("refused_webhooks.some", count=count, last=datetime.fromisoformat(last))
    else:
        yield told("refused_webhooks.none")


def on_runs(store: RunStore, encryption_keys: tuple[str, ...]) -> Iterator[Told]:
    """Report whether this bot made every event of a run and every record of a channel.

    With several ``encryption_keys``, the report also says how many values need an older key.
    """
    for kind, places in {**doubts(store), "set_back": [*older_runs(store)]}.items():
        if said := "; ".join(places):
            yield told(f"runs.{kind}", places=said)
    yield told("runs.good")
    if len(encryption_keys) > 1:
        older = Rekeying(store.redis, encryption_keys).survey().older
        counts = ", ".join(f"{what}: {count}" for what, count in older.items() if count)
        yield told("runs.older" if counts else "runs.newest", counts=counts)


def on_watch(store: RunStore) -> Iterator[Told]:
    """Report whether watched channels are looked at in time, and whether their test mail leaves."""
    watching, at = Watching(store.redis, store.authenticator), now()
    states = watching.states()
    found = (gap_of(each, state, at) for each, state in states.items())
    unseen = sorted(filter(None, found), key=lambda gap: gap.since)
    if not states:
        yield told("watch.none")
    elif (late := watching.lateness(at)) > LATE:
        yield told("watch.late", late=_minutes(late))
    elif unseen:
        values = {"count": len(unseen), "all": len(states), "intervals": INTERVALS}
        yield told("watch.unseen", mailbox=unseen[0].mailbox, since=unseen[0].since, **values)
    else:
        looked = max((each.looked for each in states.values() if each.looked), default=None)
        last = f"the last look was {_minutes(at - looked)} ago" if looked else ""
        ended = last or "no look has ended yet"
        paused = sum(each.is_paused(at) for each in states)
        counts = {"count": len(states), "incidents": len(watching.open_incidents())}
        pauses = f", paused: {paused}" if paused else ""
        yield told("watch.good", ended=ended, paused=pauses, **counts)
        yield from _refused_mails(store.redis, states)


def _refused_mails(redis: Redis, channels: Iterable[WatchedChannel]) -> Iterator[Told]:
    newest = (watch_mail.newest(redis, each.mailbox)[:1] for each in channels)
    causes = Counter(mail.refused for mails in newest for mail in mails if mail.refused)
    if counts := ", ".join(f"{cause} ({count})" for cause, count in causes.most_common()):
        yield told("watch.refused", counts=counts)


def _minutes(span: timedelta) -> str:
    return f"{max(round(span.total_seconds() / 60), 0)} minutes"


def _test_mail(settings: Settings) -> Iterator[Told]:
    """Report who sends the test mail: a person, or the bot if both settings are there."""
    pair = {"PROBE_SMTP_URL": settings.probe_smtp_url, "PROBE_FROM": settings.probe_from}
    server = urlsplit(settings.probe_smtp_url)
    # Basic SMTP AUTH ends by default for existing tenants at the end of December 2026
    # (platforms/microsoft.md 2.1).
    ends = server.username and f".{server.hostname}".endswith(EXCHANGE_HOSTS)
    lacks, is_set = sorted(pair, key=lambda name: bool(pair[name]))
    kind = "half" if any(pair.values()) else "person"
    if settings.sends_probe:
        kind = "login_ends" if ends else "bot"
    values = {"lacks": lacks, "set": is_set, "sender": settings.probe_from}
    yield told(f"test_mail.{kind}", host=server.hostname, **values)


def _audit_log(settings: Settings) -> Iterator[Told]:
    try:
        found = asyncio.run(read_changes(settings, now() - timedelta(days=1)))
        yield told("audit_log.good", method=found.method, count=len(found.rows))
    except errors.CloudError as error:
        yield told(f"audit_log.{error.status}", error=error)


def _contact_center(settings: Settings) -> Iterator[Told]:
    if not settings.contact_center_org:
        yield told("contact_center.tasks")
        return
    asked, url = settings.contact_center_org, settings.contact_center_url
    try:
        known, org = normalize(asyncio.run(organization_id(settings)) or asked), normalize(asked)
        yield told(f"contact_center.{'good' if known == org else 'other'}", known=known, org=org)
    except errors.CloudError as error:
        why = error.words or error.cause
        yield told(f"contact_center.{error.status}", org=asked, url=url, why=why)


def _read_access(granted: tuple[tenants.AppAccess, ...], settings: Settings) -> Iterator[Told]:
    lost, more = list[str](), list[str]()
    for access in granted:
        try:
            surplus = tenants.prove(settings, access.tenant, access.by).surplus
            more += [f"{access.tenant} ({', '.join(surplus)})"] * bool(surplus)
        except errors.CloudError as error:
            lacks = f"lacks {error.code}" if error.cause == Cause.APP_ROLES_MISSING else error.words
            lost.append(f"{access.tenant} ({lacks or error.cause})")
    if lost:
        yield told("read_access.lost", lost=", ".join(lost))
    kind = "more" if more else "good"
    yield told(f"read_access.{kind}", count=len(granted), more=", ".join(more))


def _webex(webex: Webex) -> Iterator[Told]:
    try:
        me = webex.me()
        yield told("webex.good", name=me.display_name, email=me.email)
    except WebexError as error:
        yield told(f"webex.{error.status}", error=error)


def _organizations(listed: tuple[str, ...], webex: Webex) -> Iterator[Told]:
    """Check the organization ids, which should be UUIDs as shown in Control Hub.

    An id of an unknown form would be compared literally and match almost nobody, so it is an error.
    """
    if odd := [each for each in listed if not is_org_id(each)]:
        yield told("organizations.odd", odd=", ".join(map(repr, odd)))
        return
    ids = [*map(normalize, listed)]
    known = ", ".join(ids)
    try:
        mine = normalize(webex.me().org_id)
        place = "one of them" if mine in ids else "not listed"
        yield told("organizations.good", known=known, mine=mine or "none", place=place)
    except WebexError:  # reported by an earlier check
        yield told("organizations.unseen", known=known)


def _webhooks(subscriptions: WebhookRegistrar) -> Iterator[Told]:
    try:
        good = filter(subscriptions.is_good, subscriptions.own())
        active = {hook.resource.lower() for hook in good}
    except WebexError as error:
        yield MARKS[-1], str(error)
        return
    missing = [name for resource, name in RESOURCES.items() if resource not in active]
    values = {"missing": ", ".join(missing), "all": ", ".join(RESOURCES.values())}
    yield told(f"webhooks.{'missing' if missing else 'good'}", **values)


def _audit(store: RunStore) -> Iterator[Told]:
    found = store.audit.verify()
    kind = "empty" if not found.entries else "good" if found.newest_key else "older"
    values = {"at": found.broken_at, "why": found.why, "since": found.since[:16]}
    yield told(f"audit.{'broken' if found.broken_at else kind}", entries=found.entries, **values)


def _microsoft(settings: Settings) -> Iterator[Told]:
    url = f"{settings.login_url}/organizations/v2.0/.well-known/openid-configuration"
    try:
        with sync_client(settings) as client, measured("entra") as noted:
            answer = client.get(url)
            noted.answered(answer.status_code, answer.headers)
            answer.raise_for_status()
        yield told("microsoft.good", host=settings.login_url)
    except httpx.HTTPError as error:
        yield told("microsoft.away", url=url, why=errors.words_of(error, url))


def on_clock(redis: Redis) -> Iterator[Told]:
    """Report how far the clock is from Webex's and Microsoft's.

    This process has just asked the clouds. A worse result of another process, which may run on
    another machine, is used instead.
    """
    worst: dict[str, float] = {}
    with suppress(RedisError):  # reported by an earlier check
        worst = shared(redis)
    for cloud in NAMES:
        if (own := METER.ahead_s(cloud)) is not None:
            worst[cloud] = max(own, worst.get(cloud, 0.0), key=abs)
    known = {cloud: worst[cloud] for cloud in NAMES if cloud in worst}
    off = {cloud: ahead for cloud, ahead in known.items() if abs(ahead) >= TOLD_FROM_S}
    far = max(map(abs, off.values()), default=0) >= REFUSED_FROM_S
    kind = ("far_off" if far else "off") if off else "right" if known else "unknown"
    near = (f"{abs(ahead):.0f} s from {NAMES[name]}'s" for name, ahead in known.items())
    said = ", and ".join(words(cloud, ahead) for cloud, ahead in off.items())
    yield told(f"clock.{kind}", near=", ".join(near), said=said)
