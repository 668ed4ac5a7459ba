"""Command ``python -m bot doctor``: checks whether everything that the bot needs is available.

If something is missing, it says what to do. The report is plain text for the person who operates
the bot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import filterfalse
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
from jobs.access.app_access import AppAccess, own_credential
from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds import errors
from jobs.clouds.clock_skew import METER, NAMES, REFUSED_FROM_S, TOLD_FROM_S, shared, words
from jobs.clouds.errors import CloudError
from jobs.clouds.http import sync_client
from jobs.contact_center.connect_audit import read_changes
from jobs.contact_center.organization import organization_id
from jobs.contact_center.webex_org_id import is_org_id, normalize
from jobs.runs.audit import Trail
from jobs.runs.run_store import RunStore
from jobs.settings import Settings

AUDIT_PROBLEMS = {
    400: "does not understand the question: look at the reply, and whether CONNECT_AUDIT_URL is right",
    401: (
        "does not accept the token: renew the service app's token and set CONNECT_AUDIT_TOKEN,"
        " or name another header in CONNECT_AUDIT_HEADER"
    ),
    403: "does not let the token's service app read: have it authorized for the organization",
    404: "is not at this address: CONNECT_AUDIT_URL is https://TENANT.REGION.webexconnect.io",
    405: "takes neither POST nor GET at this address: look at CONNECT_AUDIT_URL",
}
"""Advice about a refusal by Webex Connect's audit log, by the status of the refusal."""
EXCHANGE_HOSTS = (".office365.com", ".office365.us", ".outlook.com")
"""Domains of Exchange Online's and Outlook's mail servers."""
LOGIN_ENDS = (
    "the bot sends it, as {sender}, by a password at {host}. Microsoft switches"
    " passwords for SMTP off at the end of December 2026 (550 5.7.30). An administrator can switch"
    " them on again for a while: the last day is announced in the second half of 2027. Name a mail"
    " server that is not Exchange Online in PROBE_SMTP_URL, or unset it and PROBE_FROM, and a"
    " person is asked to send the mail"
)
DISCOVERY = "/organizations/v2.0/.well-known/openid-configuration"


class WrongError(Exception):
    """Failed check; the text says what to do."""


class DoubtError(Exception):
    """Check of something that works today and will stop; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: the check's name and a function that returns the success text."""

    name: str
    look: Callable[[], str]


def examine(checks: Iterator[Check], say: Callable[[str], None]) -> int:
    """Run every check, report a line for each, and return 1 if anything is wrong, else 0.

    A doubt is reported and changes nothing in the result.
    """
    wrong = 0
    for check in checks:
        try:
            say(f"ok     {check.name}: {check.look()}")
        except DoubtError as error:
            say(f"DOUBT  {check.name}: {error}")
        except (WrongError, RedisError) as error:
            unread = isinstance(error, RedisError)
            why = f"cannot be read ({type(error).__name__})" if unread else error
            say(f"WRONG  {check.name}: {why}")
            wrong = 1
    return wrong


def checks(bot: BotSettings, work: Settings) -> Iterator[Check]:
    redis = connect_for_web(bot.redis_url)
    webex = Webex(bot.webex_access_token, bot.webex_api_url)
    yield Check(
        "settings",
        lambda: f"{bot.public_url}, for people of {', '.join(bot.allowed_email_domains)}",
    )
    yield Check("approvers", lambda: _approvers(bot))
    yield Check("Redis", lambda: _reported(redis_report.on_redis(redis)))
    yield Check("workers", lambda: _reported(redis_report.on_workers(redis)))
    yield Check("Webex", lambda: _webex(webex))
    if bot.allowed_org_ids:
        yield Check("organizations", lambda: _organizations(bot.allowed_org_ids, webex))
    yield Check("webhooks", lambda: _webhooks(WebhookRegistrar(webex, redis, bot)))
    yield Check("refused webhooks", lambda: _reported(redis_report.on_refused_webhooks(redis)))
    yield Check("Microsoft", lambda: _microsoft(work))
    yield Check("clock", lambda: _reported(on_clock(redis)))
    yield Check("the bot's own app", lambda: _own_app(work, redis))
    yield Check("test mail", lambda: _test_mail(work))
    if work.connect_audit_url:
        yield Check("Webex Connect's audit log", lambda: _audit_log(work))
    if work.contact_center_url:
        yield Check("contact center", lambda: _contact_center(work))
    if _granted(redis):
        yield Check("read access", lambda: _read_access(redis, work))
    runs = RunStore(redis, work.encryption_keys)
    yield Check("runs", lambda: _reported(redis_report.entries(runs, work.encryption_keys)))
    yield Check("watch", lambda: _reported(redis_report.on_watch(runs)))
    yield Check("audit trail", lambda: _audit(Trail(redis, work.encryption_keys)))


def _approvers(bot: BotSettings) -> str:
    if not bot.approvers:
        raise DoubtError(NO_APPROVERS)
    return f"changes are approved by {', '.join(bot.approvers)}"


def _own_app(settings: Settings, redis: Redis) -> str:
    found = own_credential(settings, _granted(redis))
    if told := found.problem or found.doubt:
        raise (WrongError if found.problem else DoubtError)(told)
    return found.words


def _test_mail(settings: Settings) -> str:
    """Return who sends the test mail: the bot or a person.

    The bot needs both PROBE_SMTP_URL and PROBE_FROM. With only one of them the check fails, because
    a person is then asked to send the mail.
    """
    if settings.sends_probe:
        server = urlsplit(settings.probe_smtp_url)
        # Basic SMTP AUTH ends by default for existing tenants at the end of December 2026
        # (platforms/microsoft.md 2.1).
        if server.username and f".{server.hostname}".endswith(EXCHANGE_HOSTS):
            raise DoubtError(LOGIN_ENDS.format(sender=settings.probe_from, host=server.hostname))
        return f"the bot sends it, as {settings.probe_from}"
    pair = {"PROBE_SMTP_URL": settings.probe_smtp_url, "PROBE_FROM": settings.probe_from}
    if any(pair.values()):
        lacks, is_set = sorted(pair, key=lambda name: bool(pair[name]))
        raise WrongError(
            f"a person is asked to send it, as {lacks} is not set although {is_set} is: set both or none"
        )
    return "a person is asked to send it; PROBE_SMTP_URL and PROBE_FROM let the bot do it"


def _audit_log(settings: Settings) -> str:
    try:
        found = asyncio.run(read_changes(settings, now() - timedelta(days=1), now()))
    except CloudError as error:
        what = AUDIT_PROBLEMS.get(
            error.status, "does not answer: look at CONNECT_AUDIT_URL, the network and the proxy"
        )
        raise WrongError(f"{what} ({error})") from None
    return (
        f"answers to {found.method}; changes of the last day that may stop mail: {len(found.rows)}"
    )


def _contact_center(settings: Settings) -> str:
    if not settings.contact_center_org:
        return "email tasks are read; CONTACT_CENTER_ORG_ID lets the bot read the entry points, too"
    try:
        known = asyncio.run(organization_id(settings))
    except CloudError as error:
        if error.status == httpx.codes.UNAUTHORIZED:
            why = "CONTACT_CENTER_TOKEN is not accepted: it is good for about 14 days, so set a new one"
        elif error.status in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
            why = (
                f"CONTACT_CENTER_TOKEN may not read the organization {settings.contact_center_org}:"
                " it is of another organization or lacks cjp:config_read. A browser that is signed in"
                " elsewhere gives such a token without a word"
            )
        else:
            why = f"{settings.contact_center_url} does not answer ({error.words or error.cause})"
        raise WrongError(why) from None
    if known and normalize(known) != normalize(settings.contact_center_org):
        raise WrongError(
            f"CONTACT_CENTER_TOKEN is of the organization {normalize(known)}, and"
            f" CONTACT_CENTER_ORG_ID names {normalize(settings.contact_center_org)}:"
            " sign in to that organization for the token, or name the other one"
        )
    return f"the token is of the organization {normalize(settings.contact_center_org)}"


def _read_access(redis: Redis, settings: Settings) -> str:
    """Check the tokens of every tenant that lets the bot read on its own, and drop no access."""
    seen = [(access.tenant, *_looked_into(settings, access)) for access in _granted(redis)]
    if lost := [f"{tenant} ({why})" for tenant, why, _ in seen if why]:
        raise WrongError(
            f"not any more by {', '.join(lost)}: an administrator grants it again"
            " from the card of /check, or checks need a sign-in"
        )
    told = f"{len(seen)} tenants let the bot read by itself"
    if more := [f"{tenant} ({', '.join(names)})" for tenant, _, names in seen if names]:
        told += (
            f"; more than it needs is granted in {', '.join(more)}:"
            " take that back from the bot's enterprise application there"
        )
    return told


def _granted(redis: Redis) -> tuple[AppAccess, ...]:
    try:
        return app_access.all_grants(redis)
    except RedisError:
        return ()  # reported by an earlier check


def _looked_into(settings: Settings, access: AppAccess) -> tuple[str, tuple[str, ...]]:
    """Return why the tenant's access was lost (empty if it works), and its surplus permissions."""
    try:
        return "", app_access.prove(settings, access.tenant, access.by).surplus
    except CloudError as error:
        lacks = f"lacks {error.code}" if error.cause == Cause.APP_ROLES_MISSING else error.words
        return lacks or error.cause, ()


def _reported(report: Report) -> str:
    if report.wrong:
        raise WrongError(report.wrong)
    if report.doubt:
        raise DoubtError(report.doubt)
    return report.good


def _webex(webex: Webex) -> str:
    try:
        me = webex.me()
    except WebexUnauthorizedError:
        raise WrongError(
            "does not know WEBEX_ACCESS_TOKEN: regenerate the bot's token at developer.webex.com and set it"
        ) from None
    except WebexError as error:
        raise WrongError(
            f"{error}: look at WEBEX_API_URL, the network and status.webex.com"
        ) from None
    return f"the bot is {me.display_name} ({me.email})"


def _organizations(listed: tuple[str, ...], webex: Webex) -> str:
    """Check the organization ids, which should be UUIDs as shown in Control Hub.

    An id of an unknown form would be compared literally and match almost nobody, so it is an error.
    """
    if odd := [*filterfalse(is_org_id, listed)]:
        raise WrongError(
            f"ALLOWED_ORG_IDS holds {', '.join(map(repr, odd))}, which is no organization's id:"
            " write the Organization ID that Control Hub shows under Account,"
            " or the orgId that the Webex API gives for a person"
        )
    known = list(map(normalize, listed))
    try:
        mine = normalize(webex.me().org_id)
    except WebexError:
        return ", ".join(known)  # a problem with Webex is reported by an earlier check
    place = "one of them" if mine in known else "not listed"
    return f"{', '.join(known)}; the bot's own account is of {mine or 'none'}, which is {place}"


def _webhooks(subscriptions: WebhookRegistrar) -> str:
    try:
        good = filter(subscriptions.is_good, subscriptions.own())
        active = {hook.resource.lower() for hook in good}
    except WebexError as error:
        raise WrongError(str(error)) from None
    if missing := [name for resource, name in RESOURCES.items() if resource not in active]:
        raise WrongError(
            f"none is active for {', '.join(missing)}: run `{program()} webhooks`,"
            " or start the worker, which does the same"
        )
    return f"active for {', '.join(RESOURCES.values())}"


def _audit(trail: Trail) -> str:
    found = trail.verify()
    if found.broken_at:
        raise WrongError(
            f"broken at entry {found.broken_at} of {found.entries}: {found.why}. See docs/audit.md"
        )
    if not found.entries:
        return "empty; it begins with the first run"
    older = "an older key, until the next entry: keep that key"
    key = "the newest key" if found.newest_key else older
    return f"whole, {found.entries} entries since {found.since[:16]}Z, sealed with {key}"


def _microsoft(settings: Settings) -> str:
    url = settings.login_url + DISCOVERY
    try:
        with sync_client(settings) as client:
            client.get(url).raise_for_status()
    except httpx.HTTPError as error:
        raise WrongError(
            f"{url} does not answer ({errors.words_of(error, url)}): look at MICROSOFT_LOGIN_URL, DNS, the"
            " proxy, SSL_CERT_FILE and the clock"
        ) from None
    return f"{settings.login_url} answers"


def on_clock(redis: Redis) -> Report:
    """Report how far the clock is from Webex's and Microsoft's.

    Half a minute is a doubt, and five minutes are wrong. This process has just asked the clouds. A
    worse result of another process is used instead, because that process may run on another
    machine.
    """
    try:
        others = shared(redis)
    except RedisError:
        others = {}  # reported by an earlier check
    known: dict[str, float] = {}
    for cloud in NAMES:
        seen = [each for each in (METER.ahead_s(cloud), others.get(cloud)) if each is not None]
        if seen:
            known[cloud] = max(seen, key=abs)
    if not known:
        return Report(doubt="no answer of Webex or Microsoft told the time")
    off = {cloud: ahead for cloud, ahead in known.items() if abs(ahead) >= TOLD_FROM_S}
    if not off:
        near = (f"{abs(ahead):.0f} s from {NAMES[name]}'s" for name, ahead in known.items())
        return Report(good=f"right, {', '.join(near)}")
    said = ", and ".join(words(cloud, ahead) for cloud, ahead in off.items())
    told = f"{said}: correct the clock and keep it in sync with NTP"
    if any(abs(ahead) >= REFUSED_FROM_S for ahead in off.values()):
        return Report(wrong=f"{told}. Sign-ins fail until then")
    return Report(doubt=told)
