"""Rules about who may use the bot, approve changes and see channels or audit entries.

A person sees the audit entries of this space's channels, or in a 1:1 space their own. An approver
sees all entries in a 1:1 space.

A card is drawn later than it was requested, and a person from another organization may have joined
in the meantime. The run's cards in the space then stay as they are, and those in 1:1 messages
continue. A space that was checked a moment ago is not checked again, unless a person has joined
since (Webex notifies the bot).
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import StrEnum

from adaptive_cards.locale import drawn_for
from adaptive_cards.texts import text
from bot.chat import preferences
from bot.chat.context import ChatContext, trouble
from bot.services import Services
from bot.settings import BotSettings
from bot.webex import errors
from bot.webex.client import Membership, WebexPerson
from jobs.channel.form import InvalidInputError, read_address
from jobs.contact_center.webex_org_id import normalize
from jobs.model import Text
from jobs.runs.audit import AuditEntry
from jobs.runs.run import Event, Run
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
        own = not {fact.get("by"), fact.get("asked_by")}.isdisjoint(ctx.person.emails)
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


CHECKED_FOR_S = 30
TOLD_S = 3600
HELD_S = 60.0
"""Seconds until the bot tries again to post a card that it held back."""


def may_read(services: Services, run: Run) -> bool:
    """Return whether everybody in the run's space may read about the channel.

    If not, the bot says so in the space, at most once an hour.
    """
    room = run.origin.room
    if run.origin.direct or services.redis.exists(keys.space_members_checked(room)):
        return True
    if outsiders(services, services.webex.members(room)):
        announced = keys.space_hold_announced(room)
        if services.redis.set(announced, "1", nx=True, ex=CHECKED_FOR_S):
            with drawn_for(preferences.locale_of_card(services, run, preferences.THREAD)):
                card = trouble("held")
            services.messenger.send(card, room_id=room, parent_id=run.origin.thread)
            services.redis.expire(announced, TOLD_S)
        return False
    mark_members_checked(services, room)
    return True


def mark_members_checked(services: Services, room: str) -> None:
    services.redis.set(keys.space_members_checked(room), "1", ex=CHECKED_FOR_S)


def members_changed(services: Services, room: str) -> None:
    services.redis.delete(keys.space_members_checked(room))


ABSENT = "approvers_absent"
"""Question of whether no approver is in the run's space. The answer is ``yes`` or missing."""


def note_absent(ctx: ChatContext) -> list[Event]:
    """Return the event that no approver is in this space, or no event.

    The members are read once, when the run gets its details. A space whose members cannot be read
    counts as one in which an approver can press the button.

    Raises:
        WebexError: Webex does not answer; the press or message is retried.
    """
    approvers = set(ctx.services.bot.approvers)
    if ctx.direct or not approvers or not approvers.isdisjoint(ctx.person.emails):
        return []
    try:
        members = ctx.services.webex.members(ctx.room)
    except errors.WebexAnswerError:
        return []
    if not approvers.isdisjoint(each.person_email for each in members):
        return []
    ids = {each.person_id for each in members}
    for approver in approvers:  # a membership shows only the first of a person's addresses
        with suppress(errors.WebexAnswerError):
            if any(each.id in ids for each in ctx.services.webex.people(approver)):
                return []
    return [ctx.answered(ABSENT, "yes")]


CANNOT_TELL = frozenset({400, 403, 404, 405})
WHY = {Denial.ORGANIZATION: "typed.outside", Denial.NOT_A_PERSON: "typed.not_a_person"}


def resolve_recipient(ctx: ChatContext, typed: str, hello: str = "notice.asked_hello") -> str:
    """Return the Webex address of the person whose address was typed.

    A bot cannot find people outside its own organization by address (GET /people in Webex's
    specification). A message without any details, ``hello``, shows whether such an address has an
    owner, and in which organization. Nobody gets an empty one: Webex would invite the owner of an
    address that no person has named.

    Raises:
        InvalidInputError: The address is invalid, has no owner, or belongs to a person whom the bot
            does not serve.
        WebexError: Webex does not answer.
    """
    address = read_address(typed)
    if not served(ctx.services.bot, [address]):
        raise InvalidInputError(Text("typed.outside"))
    try:
        person = next(iter(ctx.services.webex.people(address)), None)
    except errors.WebexAnswerError as error:
        if error.status not in CANNOT_TELL:
            raise
        person = None
    if person is None:
        if not hello:
            raise InvalidInputError(Text("typed.nobody_in_webex"))
        _greet(ctx, address, hello)
        return address
    if (why := denial(ctx.services.bot, person)) is not None:
        raise InvalidInputError(Text(WHY[why]))
    return person.email


def _greet(ctx: ChatContext, address: str, hello: str) -> None:
    with drawn_for(preferences.locale_of(ctx.services, address, preferences.place_of(ctx))):
        said = text(hello)
    try:
        room = ctx.services.messenger.send(said, to_email=address).room_id
    except (errors.WebexBadRequestError, errors.WebexNotFoundError):
        raise InvalidInputError(Text("typed.nobody_in_webex")) from None
    if not room:  # the message is not posted yet: nothing is started, and the press is retried
        raise errors.WebexUnreachableError("no answer from Webex about a 1:1 message")
    if outsiders(ctx.services, ctx.services.webex.members(room, fresh=True)):
        raise InvalidInputError(Text("typed.outside"))


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
