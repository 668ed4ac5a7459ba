"""Whether somebody can be written to 1:1, and may be: asked of Webex before a card about a channel goes to them."""

from __future__ import annotations

from adaptive_cards.texts import text
from bot.chat.context import Talk
from bot.chat.permissions import Gate
from bot.webex.client import WebexAnswerError, WebexBadRequestError, WebexNotFoundError, WebexPerson, WebexUnreachableError
from jobs.channel.form import TypedWrongError, read_address
from jobs.model import Words

CANNOT_TELL = frozenset({400, 403, 404, 405})
WHY = {"refused.organisation": "typed.outside", "refused.not_a_person": "typed.not_a_person"}


def reachable(talk: Talk, typed: str) -> str:
    """The Webex address of the person whose address was typed.

    A bot sees nobody beyond its own organization by their address (GET /people in Webex's specification). Who is not found gets a line
    without any detail first: whether that arrives, and in whose organization, says what the look-up does not.

    Raises:
        TypedWrongError: it is no address, nobody has it, or it is of somebody whom the bot does not serve.
        WebexError: Webex does not answer.
    """
    address = read_address(typed)
    if address.rpartition("@")[2] not in talk.desk.bot.allowed_email_domains:
        raise TypedWrongError(Words("typed.outside"))
    person = _looked_up(talk, address)
    if person is None:
        _greet(talk, address)
        return address
    if (why := Gate(talk.desk.bot, talk.desk.webex).refusal(person)) is not None:
        raise TypedWrongError(Words(WHY[why.key]))
    return person.email


def _looked_up(talk: Talk, address: str) -> WebexPerson | None:
    try:
        return next(iter(talk.desk.webex.people(address)), None)
    except WebexAnswerError as error:
        if error.status in CANNOT_TELL:
            return None
        raise


def _greet(talk: Talk, address: str) -> None:
    webex = talk.desk.webex
    try:
        room = webex.send(to_email=address, text=text("notice.asked_hello")).room_id
    except (WebexBadRequestError, WebexNotFoundError):
        raise TypedWrongError(Words("typed.nobody_in_webex")) from None
    if not room:  # it waits to be posted: nothing is begun, and the press is tried again
        raise WebexUnreachableError("no answer from Webex about a 1:1 message")
    if Gate(talk.desk.bot, webex).outsiders(webex.members(room, fresh=True), talk.desk.me.id):
        raise TypedWrongError(Words("typed.outside"))
