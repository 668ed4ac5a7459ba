"""Worker side of a webhook.

The worker fetches the object that the event refers to, authorizes the person, parses the text and
calls the command or action. Fetching proves that the event is real (webex.md 1). Nothing in
the payload is trusted.

The person and the members are requested while the subject of the event is fetched, which takes one
round trip instead of three. The event only suggests these requests. The fetched
subject decides what is needed, and an answer to a different request is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from adaptive_cards.escape import WORD_JOINER
from adaptive_cards.locale import drawn_for
from bot.cards import delivery
from bot.chat import audience, limits, preferences
from bot.chat.context import ChatContext, trouble
from bot.chat.parsing import parse_command
from bot.chat.permissions import denial, is_bot, outsiders
from bot.commands import actions, by_typed_name, explain, language_of, tac
from bot.events import free_text
from bot.events.outbox import KEPT_S, Handler, facts_of, run_once
from bot.queue.events import PendingEvent, WebhookEvent
from bot.services import Services
from bot.webex.client import (
    MAX_EVENT_AGE,
    Message,
    Webex,
    WebexError,
    WebexNotFoundError,
    WebexPerson,
    is_older_than,
    read_time,
)
from bot.webex.errors import NOT_FOUND, UNAUTHORIZED, passes
from jobs.clock import now
from jobs.clouds.clock_skew import METER, WEBEX
from jobs.clouds.http import Pauses
from jobs.model import Text
from jobs.runtime import current
from jobs.storage.counters import COUNTERS, EVENTS_HANDLED
from jobs.storage.vault import Sealed

API_LAG = timedelta(seconds=60)
"""Time for which an object may be missing although its event has arrived (platforms/webex.md 1)."""
BACK_OFF = Pauses((2, 5, 10, 20, 40, 60))
"""Pauses before each retry, in seconds."""
log = structlog.get_logger(__name__)


def next_try(error: WebexError, pending: PendingEvent, *, unread: bool) -> datetime | None:
    """Return when the event is tried again, or None if no retry would be in time or would help.

    The time is not earlier than Webex asked for. A rejected token (401) may be in the middle of a
    replacement, and a missing object (404) may only be late. If the event is still ``unread``,
    nothing was done yet, so it is tried again after any other answer as well.
    """
    if isinstance(error, WebexNotFoundError):
        helps_until = _began(pending) + API_LAG
    elif unread or passes(error) or error.status == UNAUTHORIZED:
        helps_until = _began(pending) + MAX_EVENT_AGE
    else:
        return None
    wait = BACK_OFF.after(pending.tries + 1, error.retry_after)
    if now().timestamp() + wait > helps_until.timestamp():
        return None
    log.info("event is tried again", tries=pending.tries + 1, seconds=wait, **facts_of(error))
    return now() + timedelta(seconds=wait)


def _began(pending: PendingEvent) -> datetime:
    """Return when the event happened, by this machine's clock.

    The time of arrival is used if the event has no time, or while it is unknown how far this clock
    is from Webex's.
    """
    created, ahead = read_time(pending.event.created), METER.ahead_s(WEBEX)
    if created is None or ahead is None:
        return pending.arrived
    return created + timedelta(seconds=ahead)


Ask = Callable[[Callable[[str], Any], str], Any]
"""Function that returns the answer of a method of the client about its argument."""


@contextmanager
def prefetch(webex: Webex, actor: str, room: str) -> Iterator[Ask]:
    """Request the person who acted and the members of the room; what is not needed is discarded.

    Whatever else is asked within the context is requested then.
    """
    threads = ThreadPoolExecutor(2, "ahead")
    both = ((webex.person, actor), (webex.members, room))
    pending: dict[Any, Future[Any]] = {
        (ask, about): threads.submit(copy_context().run, ask, about) for ask, about in both if about
    }

    def asked(ask: Callable[[str], Any], about: str) -> Any:
        found = pending.get((ask, about))
        return found.result() if found else ask(about)

    try:
        yield asked
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class _TooOldError(Exception):
    """Error of an event, or of its message or button press, that is more than ten minutes old."""


class _FailedError(Exception):
    """Error of Webex because the event's object is ``gone``, or is not there yet.

    Otherwise the error came while the event was answered, so a part of the answer may be done.
    """

    def __init__(self, error: WebexError, *, gone: bool) -> None:
        super().__init__(str(error))
        self.error, self.gone = error, gone


def receive(event_id: str) -> None:
    """Handle the event that is kept under this id (:mod:`bot.queue.events`), as a job of RQ."""
    services = current(Services)
    with bound_contextvars(event_id=event_id):
        services.events.process(event_id, partial(handle, services))


def handle(services: Services, pending: PendingEvent) -> datetime | None:
    """Handle one event, and return the time of its next try, or None.

    An event is tried again if Webex is unavailable, or if its object does not exist yet. One about
    a message that no longer exists, or that is older than ten minutes (a replay), is ignored.
    """
    event, gone, unread = pending.event, False, False
    try:
        _act(services, event)
    except _TooOldError:
        log.info("event about something old", resource=event.resource, id=event.id)
        return None
    except _FailedError as failed:
        error, gone = failed.error, failed.gone
    except WebexError as caught:
        error, unread = caught, True
    else:
        log.info("event handled", resource=event.resource, tries=pending.tries + 1)
        return None
    retry_at = next_try(error, pending, unread=unread)
    if retry_at is None and gone:
        log.info("event about something that is gone", resource=event.resource, id=event.id)
    elif retry_at is None:
        COUNTERS.add(EVENTS_HANDLED, "given_up")
        log.warning("event given up", tries=pending.tries + 1, **facts_of(error))
        if unread and not isinstance(error, WebexNotFoundError):
            _tell_unread(services, event)
    return retry_at


def _act(services: Services, event: WebhookEvent) -> None:
    """Handle an event, unless the bot itself caused it.

    Raises:
        _TooOldError: The event is too old.
        _FailedError: The object of the event does not exist, or Webex does not accept the answer.
        WebexError: Webex does not show what the event is about. Nothing was done.
    """
    _require_fresh(services, event.created)
    if event.resource == "memberships":
        _membership(services, event.id, event.room)
        return
    if event.actor == services.me.id:
        return
    read = {"messages": _typed, "attachmentActions": _pressed}[event.resource]
    with prefetch(services.webex, event.actor, event.room) as asked:
        try:
            subject = read(services, event.id)
        except WebexNotFoundError as error:
            raise _FailedError(error, gone=True) from error
        if subject is None:
            return
        message = subject.message
        ctx = ChatContext(
            services,
            asked(services.webex.person, subject.person_id),
            message.room_id,
            # no field of a message is guaranteed
            (message.room_type or services.webex.room_type(message.room_id)) == "direct",
            message.thread,
            message.id,
            subject.action_id,
        )
        refusal = _refusal(ctx, asked, subject.refused) or limits.too_many(ctx, event.id)
    subject.answer(ctx, refusal)
    delivery.draw_refused(services, ctx.room, *ctx.person.emails)


@dataclass(frozen=True, slots=True)
class _Subject:
    """Message, or press on the card ``message``; ``answer`` gets the refusal if there is one."""

    message: Message
    person_id: str
    refused: str
    answer: Callable[[ChatContext, Handler | None], None]
    action_id: str = ""


def _require_fresh(services: Services, created: str) -> None:
    """Raise ``_TooOldError`` if the time is more than ten minutes ago by Webex's clock.

    A process that has not heard from Webex yet asks it for the time before it calls anything old,
    because its own clock may be wrong.
    """
    if is_older_than(created, MAX_EVENT_AGE) and METER.ahead_s(WEBEX) is None:
        services.webex.me()
    if is_older_than(created, MAX_EVENT_AGE):
        raise _TooOldError


def _typed(services: Services, message_id: str) -> _Subject | None:
    message = services.webex.message(message_id)
    _require_fresh(services, message.created)
    if message.person_id == services.me.id:
        return None
    answer = partial(_run_command, message)
    return _Subject(message, message.person_id, "refused.message", answer)


def _pressed(services: Services, action_id: str) -> _Subject | None:
    action = services.webex.action(action_id)
    _require_fresh(services, action.created)
    card = services.webex.message(action.message_id)
    act = actions().get(action.inputs.get("do", ""))
    if act is None or card.person_id != services.me.id:
        return None
    inputs = {name: value.replace(WORD_JOINER, "") for name, value in action.inputs.items()}

    def answer(ctx: ChatContext, refusal: Handler | None) -> None:
        _answer(ctx, f"{action_id}:press", refusal or (lambda speaking: act(speaking, inputs)))

    return _Subject(card, action.person_id, "refused.button", answer, action.id)


def _run_command(message: Message, ctx: ChatContext, refusal: Handler | None) -> None:
    if refusal:
        _answer(ctx, f"{message.id}:refusal", refusal)
        return
    typed = parse_command(message, ctx.services.me)
    command = by_typed_name().get(typed.name)
    if command is not None:
        preferences.follow(ctx, language_of(typed.name, command))
        run = command.run
        _answer(ctx, f"{message.id}:command", lambda speaking: run(speaking, typed.argument))
    if command is not explain.COMMAND and message.files and tac.asked(ctx) is not None:
        keep = partial(tac.keep_screenshot, message=message)
        _answer(ctx, f"{message.id}:screenshot", keep)
    elif command is None:
        _answer(ctx, f"{message.id}:help", partial(free_text.answer, typed=typed))


def _membership(services: Services, membership_id: str, room: str) -> None:
    """Greet a space that the bot was added to, if everybody there may read the greeting.

    Cards that waited for the bot to be back there are drawn at once.

    Other people's memberships are ignored here. A 1:1 space begins with a message of the person or
    the bot, which says what is needed. Not every membership names the type of its room
    (platforms/webex.md 1). If it is missing, Webex is asked.
    """
    audience.members_changed(services, room)
    mine = services.webex.membership(room, services.me.id)
    if mine is None:
        error = WebexNotFoundError(NOT_FOUND, "the bot is not in the space")
        raise _FailedError(error, gone=True)
    if mine.id != membership_id or (mine.room_type or services.webex.room_type(room)) != "group":
        return
    delivery.draw_refused(services, room)
    _require_fresh(services, mine.created)
    if not outsiders(services, services.webex.members(room)):
        ctx = ChatContext(services, services.me, room, direct=False, thread="", message="")
        _answer(ctx, f"{membership_id}:{mine.created}:greeting", free_text.greet_space)


def _answer(ctx: ChatContext, part: str, act: Handler) -> None:
    """Carry out a part of an event once, or raise ``_FailedError`` if Webex fails."""
    try:
        run_once(ctx, part, act)
    except WebexError as error:
        raise _FailedError(error, gone=False) from error


def _tell_unread(services: Services, event: WebhookEvent) -> None:
    """Tell the person 1:1, at most once, that the bot could not read what was typed or pressed."""
    told = Sealed.ANSWERED.of(f"{event.key}:unread")
    if event.resource == "memberships" or not event.actor or services.vault.get(told) is not None:
        return
    services.vault.put(told, "", KEPT_S)
    person: WebexPerson | None = None
    with suppress(WebexError):
        person = services.webex.person(event.actor)
    if person and denial(services.bot, person):
        return
    with drawn_for(preferences.locale_of(services, person.email if person else "")):
        card = trouble("unread", kicker=Text("notice.broken_kicker"))
    try:
        services.messenger.send(to_person_id=event.actor, text=card.text, card=card.content)
    except WebexError as error:
        log.warning("unread event not told", id=event.id, error=str(error))


def _refusal(ctx: ChatContext, asked: Ask, title: str) -> Handler | None:
    """Return how to refuse this person in this space, or None if the person may be answered.

    The refusal does not mention any channel. A person whom the bot does not serve gets few answers
    (:mod:`bot.chat.limits`). Another bot gets no answer at all.
    """
    if (why := denial(ctx.services.bot, ctx.person)) is not None:
        if is_bot(ctx.person):  # two bots would answer each other endlessly
            return lambda _: None
        return lambda speaking: limits.refuse(speaking, why, title)
    if ctx.direct:
        return None
    if outsiders(ctx.services, asked(ctx.services.webex.members, ctx.room)):
        return lambda speaking: speaking.refuse(Text("refused.space"), title=title)
    audience.mark_members_checked(ctx.services, ctx.room)
    return None
