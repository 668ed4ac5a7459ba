"""Check with Webex that a person can and may get a 1:1 message about a channel."""

from __future__ import annotations

from adaptive_cards.locale import drawn_for
from adaptive_cards.texts import text
from bot.chat import preferences
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy, Denial
from bot.webex.client import (
    WebexAnswerError,
    WebexBadRequestError,
    WebexNotFoundError,
    WebexPerson,
    WebexUnreachableError,
)
from jobs.channel.form import InvalidInputError, read_address
from jobs.model import Text

CANNOT_TELL = frozenset({400, 403, 404, 405})
WHY = {Denial.ORGANIZATION: "typed.outside", Denial.NOT_A_PERSON: "typed.not_a_person"}


def resolve_recipient(ctx: ChatContext, typed: str, *, greets: bool = True) -> str:
    """Return the Webex address of the person whose address was typed.

    A bot cannot find people outside its own organization by address (GET /people in Webex's
    specification). A person who is not found first gets a message without any details. This message
    shows whether the address has an owner in Webex, and in which organization. Without ``greets``
    nobody gets such a message: Webex would invite the owner of an address that no person has named.

    Raises:
        InvalidInputError: The address is invalid, has no owner, or belongs to a person whom the bot
            does not serve.
        WebexError: Webex does not answer.
    """
    address = read_address(typed)
    if address.rpartition("@")[2] not in ctx.services.bot.allowed_email_domains:
        raise InvalidInputError(Text("typed.outside"))
    person = _looked_up(ctx, address)
    if person is None:
        if not greets:
            raise InvalidInputError(Text("typed.nobody_in_webex"))
        _greet(ctx, address)
        return address
    if (why := AccessPolicy(ctx.services.bot, ctx.services.webex).denial(person)) is not None:
        raise InvalidInputError(Text(WHY[why]))
    return person.email


def _looked_up(ctx: ChatContext, address: str) -> WebexPerson | None:
    try:
        return next(iter(ctx.services.webex.people(address)), None)
    except WebexAnswerError as error:
        if error.status in CANNOT_TELL:
            return None
        raise


def _greet(ctx: ChatContext, address: str) -> None:
    webex = ctx.services.webex
    with drawn_for(preferences.locale_of_recipient(ctx, address)):
        hello = text("notice.asked_hello")
    try:
        room = ctx.services.messenger.send(to_email=address, text=hello).room_id
    except (WebexBadRequestError, WebexNotFoundError):
        raise InvalidInputError(Text("typed.nobody_in_webex")) from None
    if not room:  # the message is not posted yet: nothing is started, and the press is retried
        raise WebexUnreachableError("no answer from Webex about a 1:1 message")
    if AccessPolicy(ctx.services.bot, webex).external_members(
        webex.members(room, fresh=True), ctx.services.me.id
    ):
        raise InvalidInputError(Text("typed.outside"))
