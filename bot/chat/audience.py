"""People of a space: outsiders, before a card is posted there, and approvers who are absent.

A card is drawn later than it was requested, and a person from another organization may have joined
in the meantime. The run's cards in the space then stay as they are, and those in 1:1 messages
continue. A space that was checked a moment ago is not checked again, unless a person has joined
since (Webex notifies the bot).
"""

from adaptive_cards.locale import drawn_for
from adaptive_cards.texts import text
from bot.chat import preferences
from bot.chat.context import ChatContext, trouble
from bot.chat.permissions import Denial, denial, outsiders, served
from bot.services import Services
from bot.webex import errors
from jobs.channel.form import InvalidInputError, read_address
from jobs.model import Text
from jobs.runs.run import Event, Run
from jobs.storage import keys

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
        if services.redis.set(keys.space_hold_announced(room), "1", nx=True, ex=TOLD_S):
            with drawn_for(preferences.locale_of_card(services, run, preferences.THREAD)):
                card = trouble("held")
            thread, send = run.origin.thread, services.messenger.send
            send(room_id=room, text=card.text, card=card.content, parent_id=thread)
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
    if not approvers.isdisjoint(member.person_email.lower() for member in members):
        return []
    return [ctx.answered(ABSENT, "yes")]


CANNOT_TELL = frozenset({400, 403, 404, 405})
WHY = {Denial.ORGANIZATION: "typed.outside", Denial.NOT_A_PERSON: "typed.not_a_person"}


def resolve_recipient(ctx: ChatContext, typed: str, *, greets: bool = True) -> str:
    """Return the Webex address of the person whose address was typed.

    A bot cannot find people outside its own organization by address (GET /people in Webex's
    specification). A message without any details shows whether such an address has an owner, and in
    which organization. Without ``greets`` nobody gets one: Webex would invite the owner of an
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
        if not greets:
            raise InvalidInputError(Text("typed.nobody_in_webex"))
        _greet(ctx, address)
        return address
    if (why := denial(ctx.services.bot, person)) is not None:
        raise InvalidInputError(Text(WHY[why]))
    return person.email


def _greet(ctx: ChatContext, address: str) -> None:
    with drawn_for(preferences.locale_of(ctx.services, address, preferences.place_of(ctx))):
        hello = text("notice.asked_hello")
    try:
        room = ctx.services.messenger.send(to_email=address, text=hello).room_id
    except (errors.WebexBadRequestError, errors.WebexNotFoundError):
        raise InvalidInputError(Text("typed.nobody_in_webex")) from None
    if not room:  # the message is not posted yet: nothing is started, and the press is retried
        raise errors.WebexUnreachableError("no answer from Webex about a 1:1 message")
    if outsiders(ctx.services, ctx.services.webex.members(room, fresh=True)):
        raise InvalidInputError(Text("typed.outside"))
