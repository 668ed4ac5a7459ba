"""Rules about who may use the bot, approve changes and see channels or audit entries.

A person sees the audit entries of this space's channels, or in a 1:1 space their own. An approver
sees all entries in a 1:1 space.

A person whom the bot does not serve is answered and recorded once an hour, or as often as
``REFUSALS_PER_HOUR`` says. Further refusals are only in the log. A person whom the bot serves may
give ``COMMANDS_PER_HOUR`` commands and presses, against loops. Both are a sliding window of the
person's events in Redis, which expires.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

import structlog
from redis import Redis

from adaptive_cards.components import REFUSED
from adaptive_cards.times import clock
from bot.chat.context import ChatContext
from bot.services import Services
from bot.settings import BotSettings
from bot.webex.client import Membership, WebexPerson
from jobs.clock import now
from jobs.contact_center.webex_org_id import normalize
from jobs.model import Text
from jobs.runs.audit import AuditEntry
from jobs.runs.run import Run
from jobs.runs.run_store import Record
from jobs.storage import keys


def is_approver(ctx: ChatContext) -> bool:
    return not set(ctx.services.bot.approvers).isdisjoint(ctx.person.emails)


def may_read_audit(ctx: ChatContext) -> bool:
    # Without approvers in the settings, everybody that the bot serves may see their own entries.
    return is_approver(ctx) or not ctx.services.bot.approvers


Entries = Sequence[AuditEntry]


def visible_entries(ctx: ChatContext, facts: Entries, mailbox: str) -> Entries:
    """Return the entries that this person may see here, of one mailbox unless that is empty.

    A run's entries belong to a mailbox also if the run learned its mailbox later.
    """
    known_here = set(visible_channels(ctx))

    def is_of_place(fact: AuditEntry) -> bool:
        people = {fact.get("by"), fact.get("asked_by")}
        own = not people.isdisjoint(ctx.person.emails)
        mine = own if ctx.direct else fact.get("room") == ctx.room
        return mine or fact.get("mailbox") in known_here

    if not (ctx.direct and ctx.services.bot.approvers):
        facts = _with_their_runs(facts, is_of_place)
    of_mailbox = _with_their_runs(facts, lambda each: each.get("mailbox") == mailbox)
    return of_mailbox if mailbox else facts


def _with_their_runs(facts: Entries, wanted: Callable[[AuditEntry], bool]) -> Entries:
    runs = {each.get("run") for each in facts if wanted(each)} - {None, ""}
    return [each for each in facts if each.get("run") in runs or wanted(each)]


BOTS = ("@webex.bot", "@sparkbot.io")


class Denial(StrEnum):
    NOT_A_PERSON = "not_a_person"
    ORGANIZATION = "organization"


PEOPLE = frozenset({"person", ""})  # empty if Webex does not report it


def is_bot(person: WebexPerson) -> bool:
    # An account is a bot if its type says so, or if it has an address that only bots have. Webex
    # does not always report the type.
    return person.type == "bot" or any(email.endswith(BOTS) for email in person.emails)


def served(settings: BotSettings, addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses of people whom the bot serves: it tells nobody else about a channel."""
    domains = settings.allowed_email_domains
    return tuple(each for each in addresses if each.rpartition("@")[2] in domains)


def denial(settings: BotSettings, person: WebexPerson) -> Denial | None:
    """Return why this person is not served, or None if the person is served.

    Access is denied by default. Guests and bots are never served, and neither is any account type
    that Webex adds later. If a person has several addresses, the first one decides, because a
    space's memberships show only that one.
    """
    if person.type not in PEOPLE or is_bot(person):
        return Denial.NOT_A_PERSON
    return None if _ours(settings, person.email, person.org_id) else Denial.ORGANIZATION


def outsiders(services: Services, members: Iterable[Membership]) -> tuple[Membership, ...]:
    """Return the members, except bots, because of whom the bot mentions no channel in a space."""
    return tuple(
        each
        for each in members
        if each.person_id != services.me.id
        and not each.person_email.endswith(BOTS)
        and not _ours(services.bot, each.person_email, each.person_org_id)
    )


def _ours(settings: BotSettings, email: str, org_id: str) -> bool:
    _, at, domain = email.lower().rpartition("@")
    known_domain = bool(at) and domain in settings.allowed_email_domains
    orgs = set(map(normalize, settings.allowed_org_ids))
    return known_domain and (not orgs or normalize(org_id) in orgs)


def may_approve(ctx: ChatContext, run: Run) -> bool:
    # Without approvers in the settings, the requester may.
    own = not ctx.services.bot.approvers and ctx.person.id == run.requester.id
    return own or is_approver(ctx)


def is_participant(ctx: ChatContext, run: Run) -> bool:
    # Participants are the requester, the approvers, the people asked 1:1 to sign in or to consent,
    # and the person who has signed in: the cards name that person as the one who has the turn.
    asked = {run.answer("administrator"), run.answer("consent_administrator")} - {""}
    asked |= {run.account.upn.lower()} if run.account else set()
    was_asked = not asked.isdisjoint(ctx.person.emails)
    return was_asked or ctx.person.id == run.requester.id or may_approve(ctx, run)


def may_cancel(ctx: ChatContext, run: Run) -> bool:
    """Return whether this person may cancel the run: a participant may.

    If the requester has left the run's space, everybody in it may, because the run would keep the
    mailbox from every other run.

    Raises:
        WebexError: the members of the space could not be read.
    """
    if is_participant(ctx, run):
        return True
    if run.origin.direct:
        return False
    members = {each.person_id for each in ctx.services.webex.members(run.origin.room)}
    return run.requester.id not in members and ctx.person.id in members


def is_concerned(ctx: ChatContext, run: Run) -> bool:
    """Return whether the person is in the run's own space, takes part in it, or was asked 1:1.

    People are asked 1:1 to sign in for the mailbox, or to answer a mail as its agent.
    """
    asked = {run.answer("mailbox_user"), run.answer("agent")} - {""}
    here = ctx.room == run.origin.room
    return here or is_participant(ctx, run) or not asked.isdisjoint(ctx.person.emails)


def visible_channels(ctx: ChatContext) -> tuple[str, ...]:
    # The channels of the space count and, in a 1:1 space, also the person's own.
    return ctx.services.channels.of_space(ctx.room, ctx.person.id if ctx.direct else "")


def is_visible(ctx: ChatContext, mailbox: str) -> bool:
    return mailbox in visible_channels(ctx)


def visible_record(ctx: ChatContext, mailbox: str) -> Record | None:
    """Return what is known of a channel, or None if this person may not ask about it here."""
    return ctx.services.channels.record(mailbox) if is_visible(ctx, mailbox) else None


def was_asked_here(ctx: ChatContext, run: Run) -> bool:
    return run.origin.room == ctx.room or (ctx.direct and run.requester.id == ctx.person.id)


def is_known_or_watched_here(ctx: ChatContext, mailbox: str) -> bool:
    # The channel must be one of the space, or the cards of its watch must come to the space.
    watched = ctx.services.watching.load(mailbox)
    return is_visible(ctx, mailbox) or (watched is not None and watched.room == ctx.room)


WINDOW = timedelta(hours=1)
log = structlog.get_logger(__name__)


def refuse(ctx: ChatContext, why: Denial, title: str) -> None:
    """Refuse a person whom the bot does not serve, or only log it after enough refusals an hour."""
    services, person = ctx.services, ctx.person
    key, most = keys.refusals(person.id), services.bot.refusals_per_hour
    if _full_until(services.redis, key, ctx.request, most) is None:
        then = "next_outsider_direct" if ctx.direct else "next_outsider"
        ctx.refuse(Text(f"refused.{why}"), title=title, then=then)
    else:
        log.info("refused again", person=person.id, room=ctx.room, why=why)


def _full_until(redis: Redis, key: keys.Key, event: str, most: int) -> datetime | None:
    """Return when the person may do more, or None if the event is among the ``most`` of an hour.

    An event that is tried again keeps its place among the person's events.
    """
    at = now().timestamp()
    with redis.pipeline(transaction=False) as pipe:
        pipe.zremrangebyscore(key, "-inf", at - WINDOW.total_seconds())
        pipe.zadd(key, {event: at}, nx=True)
        pipe.expire(key, WINDOW)
        pipe.zrank(key, event)
        *_, place = pipe.execute()
    if place < most:
        return None
    oldest: Any = redis.zrange(key, 0, 0, withscores=True)
    redis.zrem(key, event)
    return datetime.fromtimestamp(oldest[0][1], UTC) + WINDOW


def too_many(ctx: ChatContext, event: str) -> Callable[[ChatContext], None] | None:
    """Return what to do instead of a command or a press, or None below the person's limit.

    The first event beyond the limit is answered, with the time at which the bot goes on. If that
    event is tried again, it gets its answer again.
    """
    redis, most = ctx.services.redis, ctx.services.bot.commands_per_hour
    again = _full_until(redis, keys.commands(ctx.person.id), event, most)
    if again is None:
        return None
    told, left = keys.commands_limit_told(ctx.person.id), again - now()
    first = redis.set(told, event, nx=True, ex=max(1, ceil(left.total_seconds())))
    first = first or redis.get(told) == event.encode()
    log.info("too many commands", person=ctx.person.id, room=ctx.room, answered=bool(first))
    # a person who has been told that the limit is reached gets no answer
    return (lambda speaking: _tell(speaking, most, again)) if first else lambda _: None


def _tell(ctx: ChatContext, most: int, again: datetime) -> None:
    ctx.record("limited", data={"most": str(most), "again": again.isoformat()})
    # a minute later, because the card shows no seconds
    values = {"most": str(most), "again": clock(again + timedelta(minutes=1))}
    ctx.tell("refused.kicker", "limits.title", "limits.words", values, REFUSED)
