"""Command ``python -m bot doctor``: checks whether everything that the bot needs is available.

If something is missing, it says what to do. The report is plain text for the person who operates
the bot.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import filterfalse
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from redis import Redis
from redis.exceptions import RedisError

from bot import program
from bot.queue import connect_for_web, redis_report
from bot.queue.events import RESOURCES
from bot.queue.redis_report import Report
from bot.settings import NO_APPROVERS, BotSettings
from bot.webex.client import Webex, WebexError, WebexUnauthorizedError
from bot.webex.webhook_registration import WebhookRegistrar
from jobs.access import app_access
from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds import errors
from jobs.clouds.clock_skew import METER, NAMES, REFUSED_FROM_S, TOLD_FROM_S, shared, words
from jobs.clouds.http import sync_client
from jobs.contact_center.client import organization_id
from jobs.contact_center.connect_audit import read_changes
from jobs.contact_center.webex_org_id import is_org_id, normalize
from jobs.runs.audit import Trail
from jobs.runs.run_store import RunStore
from jobs.settings import Settings

EXCHANGE_HOSTS = (".office365.com", ".office365.us", ".outlook.com")
"""Domains of Exchange Online's and Outlook's mail servers."""
DISCOVERY = "/organizations/v2.0/.well-known/openid-configuration"
_SENTENCES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
Line = tuple[str, Callable[[], Report]]
"""Line of the report: the name of its check and the check."""


def examine(checks: Iterator[Line], say: Callable[[str], None]) -> int:
    """Run every check, report a line for each, and return 1 if anything is wrong, else 0.

    A doubt is about something that works today and will stop. It changes nothing in the result.
    """
    wrong = 0
    for name, look in checks:
        try:
            report = look()
        except RedisError as error:
            report = Report(wrong=f"cannot be read ({type(error).__name__})")
        mark = "WRONG " if report.wrong else "DOUBT " if report.doubt else "ok    "
        say(f"{mark} {name}: {report.wrong or report.doubt or report.good}")
        wrong |= bool(report.wrong)
    return wrong


def checks(bot: BotSettings, work: Settings) -> Iterator[Line]:
    redis = connect_for_web(bot.redis_url)
    webex = Webex(bot.webex_access_token, bot.webex_api_url)
    people = ", ".join(bot.allowed_email_domains)
    yield "settings", lambda: Report(f"{bot.public_url}, for people of {people}")
    approvers = Report(f"changes are approved by {', '.join(bot.approvers)}")
    yield "approvers", lambda: approvers if bot.approvers else Report(doubt=NO_APPROVERS)
    yield "Redis", partial(redis_report.on_redis, redis)
    yield "workers", partial(redis_report.on_workers, redis)
    yield "Webex", partial(_webex, webex)
    if bot.allowed_org_ids:
        yield "organizations", partial(_organizations, bot.allowed_org_ids, webex)
    yield "webhooks", partial(_webhooks, WebhookRegistrar(webex, redis, bot))
    yield "refused webhooks", partial(redis_report.on_refused_webhooks, redis)
    yield "Microsoft", partial(_microsoft, work)
    yield "clock", partial(on_clock, redis)
    yield "the bot's own app", partial(_own_app, work)
    yield "test mail", partial(_test_mail, work)
    if work.connect_audit_url:
        yield "Webex Connect's audit log", partial(_audit_log, work)
    if work.contact_center_url:
        yield "contact center", partial(_contact_center, work)
    if granted := _granted(redis):
        yield "read access", partial(_read_access, granted, work)
    runs = RunStore(redis, work.encryption_keys)
    yield "runs", partial(redis_report.entries, runs, work.encryption_keys)
    yield "watch", partial(redis_report.on_watch, runs)
    yield "audit trail", partial(_audit, Trail(redis, work.encryption_keys))


def _told(of: str, kind: object, **values: object) -> str:
    sentences = _SENTENCES[of]
    sentence: str = sentences[str(kind) if str(kind) in sentences else "0"]
    return sentence.format(**values)


def _own_app(settings: Settings) -> Report:
    found = app_access.own_credential(settings)
    return Report(found.words, found.problem, found.doubt)


def _test_mail(settings: Settings) -> Report:
    """Report who sends the test mail: the bot or a person.

    The bot needs both PROBE_SMTP_URL and PROBE_FROM. With only one of them the check fails, because
    a person is then asked to send the mail.
    """
    sender = settings.probe_from
    if settings.sends_probe:
        server = urlsplit(settings.probe_smtp_url)
        # Basic SMTP AUTH ends by default for existing tenants at the end of December 2026
        # (platforms/microsoft.md 2.1).
        if server.username and f".{server.hostname}".endswith(EXCHANGE_HOSTS):
            ends = _told("test_mail", "login_ends", sender=sender, host=server.hostname)
            return Report(doubt=ends)
        return Report(_told("test_mail", "bot", sender=sender))
    pair = {"PROBE_SMTP_URL": settings.probe_smtp_url, "PROBE_FROM": sender}
    if any(pair.values()):
        lacks, is_set = sorted(pair, key=lambda name: bool(pair[name]))
        return Report(wrong=_told("test_mail", "half", lacks=lacks, set=is_set))
    return Report(_told("test_mail", "person"))


def _audit_log(settings: Settings) -> Report:
    try:
        found = asyncio.run(read_changes(settings, now() - timedelta(days=1), now()))
    except errors.CloudError as error:
        return Report(wrong=_told("audit_log", error.status, error=error))
    return Report(_told("audit_log", "good", method=found.method, count=len(found.rows)))


def _contact_center(settings: Settings) -> Report:
    if not settings.contact_center_org:
        return Report(_told("contact_center", "tasks"))
    org = normalize(settings.contact_center_org)
    try:
        known = asyncio.run(organization_id(settings))
    except errors.CloudError as error:
        why, url = error.words or error.cause, settings.contact_center_url
        wrong = {"org": settings.contact_center_org, "url": url, "why": why}
        return Report(wrong=_told("contact_center", error.status, **wrong))
    if known and normalize(known) != org:
        return Report(wrong=_told("contact_center", "other", known=normalize(known), org=org))
    return Report(_told("contact_center", "good", org=org))


def _read_access(granted: tuple[app_access.AppAccess, ...], settings: Settings) -> Report:
    """Check the tokens of every tenant that lets the bot read on its own, and drop no access."""
    seen = [(access.tenant, *_looked_into(settings, access)) for access in granted]
    if lost := [f"{tenant} ({why})" for tenant, why, _ in seen if why]:
        return Report(wrong=_told("read_access", "lost", lost=", ".join(lost)))
    more = ", ".join(f"{tenant} ({', '.join(names)})" for tenant, _, names in seen if names)
    return Report(_told("read_access", "more" if more else "good", count=len(seen), more=more))


def _granted(redis: Redis) -> tuple[app_access.AppAccess, ...]:
    try:
        return app_access.all_grants(redis)
    except RedisError:
        return ()  # reported by an earlier check


def _looked_into(settings: Settings, access: app_access.AppAccess) -> tuple[str, tuple[str, ...]]:
    """Return why the tenant's access was lost (empty if it works), and its surplus permissions."""
    try:
        return "", app_access.prove(settings, access.tenant, access.by).surplus
    except errors.CloudError as error:
        lacks = f"lacks {error.code}" if error.cause == Cause.APP_ROLES_MISSING else error.words
        return lacks or error.cause, ()


def _webex(webex: Webex) -> Report:
    try:
        me = webex.me()
    except WebexUnauthorizedError:
        return Report(wrong=_told("webex", "token"))
    except WebexError as error:
        return Report(wrong=_told("webex", "away", error=error))
    return Report(_told("webex", "good", name=me.display_name, email=me.email))


def _organizations(listed: tuple[str, ...], webex: Webex) -> Report:
    """Check the organization ids, which should be UUIDs as shown in Control Hub.

    An id of an unknown form would be compared literally and match almost nobody, so it is an error.
    """
    if odd := [*filterfalse(is_org_id, listed)]:
        return Report(wrong=_told("organizations", "odd", odd=", ".join(map(repr, odd))))
    known = list(map(normalize, listed))
    try:
        mine = normalize(webex.me().org_id)
    except WebexError:
        return Report(", ".join(known))  # a problem with Webex is reported by an earlier check
    place = "one of them" if mine in known else "not listed"
    values = {"known": ", ".join(known), "mine": mine or "none", "place": place}
    return Report(_told("organizations", "good", **values))


def _webhooks(subscriptions: WebhookRegistrar) -> Report:
    try:
        good = filter(subscriptions.is_good, subscriptions.own())
        active = {hook.resource.lower() for hook in good}
    except WebexError as error:
        return Report(wrong=str(error))
    if missing := [name for resource, name in RESOURCES.items() if resource not in active]:
        values = {"missing": ", ".join(missing), "program": program()}
        return Report(wrong=_told("webhooks", "missing", **values))
    return Report(_told("webhooks", "good", all=", ".join(RESOURCES.values())))


def _audit(trail: Trail) -> Report:
    found = trail.verify()
    entries = found.entries
    if found.broken_at:
        broken = {"at": found.broken_at, "entries": entries, "why": found.why}
        return Report(wrong=_told("audit", "broken", **broken))
    kind = "empty" if not entries else "good" if found.newest_key else "older"
    return Report(_told("audit", kind, entries=entries, since=found.since[:16]))


def _microsoft(settings: Settings) -> Report:
    url = settings.login_url + DISCOVERY
    try:
        with sync_client(settings) as client:
            client.get(url).raise_for_status()
    except httpx.HTTPError as error:
        return Report(wrong=_told("microsoft", "away", url=url, why=errors.words_of(error, url)))
    return Report(_told("microsoft", "good", host=settings.login_url))


def on_clock(redis: Redis) -> Report:
    """Report how far the clock is from Webex's and Microsoft's.

    Half a minute is a doubt, and five minutes are wrong. This process has just asked the clouds. A
    worse result of another process is used instead, because that process may run on another
    machine.
    """
    known = _skews(redis)
    if not known:
        return Report(doubt="no answer of Webex or Microsoft told the time")
    off = {cloud: ahead for cloud, ahead in known.items() if abs(ahead) >= TOLD_FROM_S}
    if not off:
        near = (f"{abs(ahead):.0f} s from {NAMES[name]}'s" for name, ahead in known.items())
        return Report(good=f"right, {', '.join(near)}")
    said = ", and ".join(words(cloud, ahead) for cloud, ahead in off.items())
    told = f"{said}: correct the clock and keep it in sync with NTP"
    if max(map(abs, off.values())) >= REFUSED_FROM_S:
        return Report(wrong=f"{told}. Sign-ins fail until then")
    return Report(doubt=told)


def _skews(redis: Redis) -> dict[str, float]:
    try:
        others = shared(redis)
    except RedisError:
        others = {}  # reported by an earlier check
    known = {cloud: (METER.ahead_s(cloud), others.get(cloud)) for cloud in NAMES}
    seen = {cloud: [each for each in both if each is not None] for cloud, both in known.items()}
    return {cloud: max(each, key=abs) for cloud, each in seen.items() if each}
