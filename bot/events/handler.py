"""Worker side of a webhook: fetch what it only pointed to, authorise the person, understand, and hand on.

Fetching proves that the event is real (facts/webex.md 1); nothing in the payload is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog
from rq import Retry

from bot import actions, services
from bot.actions import tac as screenshot
from bot.chat import audience
from bot.chat.context import Talk
from bot.chat.parsing import nearest, understand
from bot.chat.permissions import Gate, is_bot
from bot.commands import commands, help, tac  # noqa: A004  the module is named after its command
from bot.events import retry
from bot.events.outbox import Act, once
from bot.events.prefetch import Ahead, ahead
from bot.webex import models
from bot.webex.client import Membership, Message, WebexError, WebexNotFoundError
from bot.webex.errors import NOT_FOUND
from jobs.model import Words

T = TypeVar("T")
log = structlog.get_logger(__name__)


class _TooOldError(Exception):
    """It was said or pressed more than ten minutes ago, whatever the event says."""


class _NotThereError(Exception):
    """What the event is about is not there: not yet, or not any more."""

    def __init__(self, error: WebexNotFoundError) -> None:
        super().__init__(str(error))
        self.error = error


def receive(resource: str, id: str, actor: str = "", room: str = "", created: str = "") -> Retry | None:  # noqa: A002  Webex's own name for it
    """RQ entry point: one event. A message that is gone, or older than ten minutes (a replay), is left alone.

    Where Webex is away, or the event is there before what it is about, RQ is told to try the same job again (:mod:`bot.events.retry`).
    """
    here = services.current()
    try:
        _fresh(created)
        if actor != here.me.id or resource == "memberships":
            {"messages": _message, "attachmentActions": _action, "memberships": _membership}[resource](here, id, actor, room)
    except _TooOldError:
        log.info("event about something old", resource=resource, id=id)
    except _NotThereError as missing:
        retry_at = retry.in_time(missing.error, created)
        if retry_at is None:
            log.info("event about something that is gone", resource=resource, id=id)
        return retry_at
    except WebexError as error:
        return retry.again(error, created)
    return None


def _fresh(created: str) -> None:
    if models.stale(created):
        raise _TooOldError


def _subject(fetch: Callable[[], T]) -> T:
    """What the event is about."""
    try:
        return fetch()
    except WebexNotFoundError as error:
        raise _NotThereError(error) from error


def _message(here: services.Desk, message_id: str, actor: str, room: str) -> None:
    with ahead(here.webex, actor, room) as asked:
        message = _subject(lambda: here.webex.message(message_id))
        _fresh(message.created)
        if message.person_id == here.me.id:
            return
        talk = Talk(here, asked.person(message.person_id), message.room_id, _direct(here, message), message.thread, message.id)
        refusal = _refusal(talk, asked, "refused.message")
    if refusal:
        once(talk, f"{message.id}:refusal", refusal)
    else:
        _typed(talk, message)


def _direct(here: services.Desk, message: Message) -> bool:
    """Whether this is a 1:1 conversation. No field of a message is promised: where it does not say so, Webex is asked."""
    return message.is_direct if message.room_type else here.webex.room_type(message.room_id) == "direct"


def _typed(talk: Talk, message: Message) -> None:
    typed = understand(message, talk.desk.me)
    command = commands().get(typed.name)
    if command is not None:
        once(talk, f"{message.id}:command", lambda speaking: command.run(speaking, typed.argument))
    if message.files and tac.asked(talk):
        once(talk, f"{message.id}:screenshot", lambda speaking: screenshot.take(speaking, message))
    elif command is None:
        near = nearest(typed.name, commands()) if typed.name else ""
        once(talk, f"{message.id}:help", partial(help.show, typed=typed.name, nearest=near))


def _action(here: services.Desk, action_id: str, actor: str, room: str) -> None:
    with ahead(here.webex, actor, room) as asked:
        action = _subject(lambda: here.webex.action(action_id))
        _fresh(action.created)
        card = _subject(lambda: here.webex.message(action.message_id))
        if card.person_id != here.me.id:
            return
        talk = Talk(here, asked.person(action.person_id), card.room_id, _direct(here, card), card.thread, card.id, action.id)
        answer = actions.answers().get(action.inputs.get("do", ""))
        if answer is None:
            return
        refusal = _refusal(talk, asked, "refused.button")
    inputs = {name: value.replace("\u2060", "") for name, value in action.inputs.items()}
    once(talk, f"{action_id}:press", refusal or (lambda speaking: answer(speaking, inputs)))


def _membership(here: services.Desk, membership_id: str, _actor: str, room: str) -> None:
    """The bot was added to a space: say what it does, if everybody there may know. Anybody else's joining is not its business.

    A 1:1 begins with a message, of the person's or of the bot's own, which says what is needed. Not every membership says in what kind
    of room it is (facts/webex.md 1); then Webex is asked.
    """
    audience.changed(here, room)
    mine = _subject(lambda: _own(here, room))
    if mine.id != membership_id or (mine.room_type or here.webex.room_type(room)) != "group":
        return
    _fresh(mine.created)
    if not Gate(here.bot, here.webex).outsiders(here.webex.members(room), here.me.id):
        once(Talk(here, here.me, room, direct=False, thread="", message=""), f"{membership_id}:{mine.created}:greeting", help.show)


def _own(here: services.Desk, room: str) -> Membership:
    mine = here.webex.membership(room, here.me.id)
    if mine is None:
        raise WebexNotFoundError(NOT_FOUND, "the bot is not in the space")
    return mine


def _refusal(talk: Talk, asked: Ahead, title: str) -> Act | None:
    """How this person, in this space, is refused: without a word about any channel, and another bot not even that. None: is answered."""
    gate = Gate(talk.desk.bot, talk.desk.webex)
    if (why := gate.refusal(talk.person)) is not None:
        return _say_nothing if is_bot(talk.person) else lambda speaking: speaking.refuse(why, title=title)
    if not talk.direct and gate.outsiders(asked.members(talk.room), talk.desk.me.id):
        return lambda speaking: speaking.refuse(Words("refused.space"), title=title)
    if not talk.direct:
        audience.looked_at(talk.desk, talk.room)
    return None


def _say_nothing(_talk: Talk) -> None:
    """Two bots would talk for ever."""
