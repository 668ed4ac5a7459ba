"""Whether somebody can be written to 1:1, and may be: asked of Webex before a card about a channel goes to them."""

from __future__ import annotations

from adaptive_cards.texts import text
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy
from bot.webex.client import WebexAnswerError, WebexBadRequestError, WebexNotFoundError, WebexPerson, WebexUnreachableError
from jobs.channel.form import InvalidInputError, read_address
from jobs.model import Text

CANNOT_TELL = frozenset({400, 403, 404, 405})
WHY = {"refused.organisation": "typed.outside", "refused.not_a_person": "typed.not_a_person"}


def resolve_recipient(ctx: ChatContext, typed: str) -> str:
    """The Webex address of the person whose address was typed.

    A bot sees nobody beyond its own organization by their address (GET /people in Webex's specification). Who is not found gets a line
    without any detail first: whether that arrives, and in whose organization, says what the look-up does not.

    Raises:
        TypedWrongError: it is no address, nobody has it, or it is of somebody whom the bot does not serve.
        WebexError: Webex does not answer.
    """
    address = read_address(typed)
    if address.rpartition("@")[2] not in ctx.services.bot.allowed_email_domains:
        raise InvalidInputError(Text("typed.outside"))
    person = _looked_up(ctx, address)
    if person is None:
        _greet(ctx, address)
        return address
    if (why := AccessPolicy(ctx.services.bot, ctx.services.webex).denial(person)) is not None:
        raise InvalidInputError(Text(WHY[why.key]))
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
    try:
        room = ctx.services.messenger.send(to_email=address, text=text("notice.asked_hello")).room_id
    except (WebexBadRequestError, WebexNotFoundError):
        raise InvalidInputError(Text("typed.nobody_in_webex")) from None
    if not room:  # it waits to be posted: nothing is begun, and the press is tried again
        raise WebexUnreachableError("no answer from Webex about a 1:1 message")
    if AccessPolicy(ctx.services.bot, webex).external_members(webex.members(room, fresh=True), ctx.services.me.id):
        raise InvalidInputError(Text("typed.outside"))
