"""Worker side of a webhook: fetch what it only pointed to, authorise the person, understand, and hand on.

Fetching proves that the event is real (facts/webex.md 1); nothing in the payload is believed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from redis.exceptions import RedisError

from adaptive_cards.views import NoticeView
from bot import answers, audience, desk
from bot.ahead import Ahead, ahead
from bot.answers import tac as screenshot
from bot.commands import commands, help, tac  # noqa: A004  the module is named after its command
from bot.people import Gate
from bot.talk import Talk
from bot.understand import nearest, understand
from bot.webex import WebexBadRequestError, WebexError, WebexNotFoundError
from jobs.clock import now
from jobs.model import Words, verbatim

STALE = timedelta(minutes=10)
log = structlog.get_logger(__name__)


def receive(resource: str, id: str, actor: str = "", room: str = "", created: str = "") -> None:  # noqa: A002  Webex's own name for it
    """RQ entry point: one event. A message that is gone, or older than ten minutes (a replay), is left alone."""
    here = desk.current()
    if stale(created) or (actor == here.me.id and resource != "memberships"):
        return
    try:
        {"messages": _message, "attachmentActions": _action, "memberships": _membership}[resource](here, id, actor, room)
    except WebexNotFoundError:
        log.info("event about something that is gone", resource=resource, id=id)


def stale(created: str) -> bool:
    """Whether an event is too old to be meant: a captured webhook can be sent again at any time (CHECKLIST W4)."""
    try:
        return bool(created) and now() - datetime.fromisoformat(created) > STALE
    except (ValueError, TypeError):
        return False


def _message(here: desk.Desk, message_id: str, actor: str, room: str) -> None:
    with ahead(here.webex, actor, room) as asked:
        message = here.webex.message(message_id)
        if message.person_id == here.me.id:
            return
        talk = Talk(here, asked.person(message.person_id), message.room_id, message.is_direct, message.thread, message.id)
        if not _allowed(talk, asked, "refused.message"):
            return
    typed = understand(message, here.me)
    command = commands().get(typed.name)
    if command is not None:
        _carefully(talk, lambda: command.run(talk, typed.argument))
    if message.files and tac.asked(talk):
        _carefully(talk, lambda: screenshot.take(talk, message.files))
    elif command is None:
        help.show(talk, typed=typed.name, nearest=nearest(typed.name, commands()) if typed.name else "")


def _action(here: desk.Desk, action_id: str, actor: str, room: str) -> None:
    with ahead(here.webex, actor, room) as asked:
        action = here.webex.action(action_id)
        card = here.webex.message(action.message_id, fresh=False)
        if card.person_id != here.me.id:
            return
        talk = Talk(here, asked.person(action.person_id), card.room_id, card.is_direct, card.thread, card.id)
        answer = answers.answers().get(action.inputs.get("do", ""))
        if answer is None or not _allowed(talk, asked, "refused.button"):
            return
    inputs = {name: value.replace("\u2060", "") for name, value in action.inputs.items()}
    _carefully(talk, lambda: answer(talk, inputs))


def _membership(here: desk.Desk, membership_id: str, _actor: str, room: str) -> None:
    """The bot was added to a space: say what it does, if everybody there may know. Anybody else's joining is not its business.

    A 1:1 begins with a message, of the person's or of the bot's own, which says what is needed.
    """
    audience.changed(here, room)
    mine = here.webex.membership(room, here.me.id)
    if mine is None or mine.id != membership_id or mine.room_type == "direct":
        return
    if not Gate(here.bot, here.webex).outsiders(here.webex.members(room), here.me.id):
        help.show(Talk(here, here.me, room, direct=False, thread="", message=""))


def _allowed(talk: Talk, asked: Ahead, title: str) -> bool:
    """Whether this person, in this space, is answered; else a refusal that says nothing about any channel."""
    gate = Gate(talk.desk.bot, talk.desk.webex)
    if (why := gate.refusal(talk.person)) is not None:
        if talk.person.type != "bot":
            talk.refuse(why, title=title)
        return False
    if not talk.direct and gate.outsiders(asked.members(talk.room), talk.desk.me.id):
        talk.refuse(Words("refused.space"), title=title)
        return False
    if not talk.direct:
        audience.looked_at(talk.desk, talk.room)
    return True


def _carefully(talk: Talk, act: Callable[[], None]) -> None:
    """Do it; a mistake of ours is said with a reference. Where Webex or Redis is away, the queue tries the event again.

    A card that Webex does not take (400) is a mistake of ours too: it would be refused again.
    """
    try:
        act()
    except Exception as error:
        if isinstance(error, WebexError | RedisError) and not isinstance(error, WebexBadRequestError):
            raise
        reference = f"REF-{secrets.token_hex(3).upper()}"
        log.exception("event failed", reference=reference)
        kicker, title, words = (Words(f"notice.broken_{part}") for part in ("kicker", "title", "words"))
        talk.tell(NoticeView(kicker, title, words, glyph="✗", facts=(("refused.reference", verbatim(reference)),), at=now()))
