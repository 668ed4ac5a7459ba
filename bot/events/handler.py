"""Worker side of a webhook.

The worker fetches the object that the event refers to, authorizes the person, parses the text and
calls the command or action. Fetching proves that the event is real (webex.md 1). Nothing in
the payload is trusted.

The person and the members are requested while the subject of the event is fetched, which takes one
round trip instead of three. The event only suggests these requests. The fetched
subject decides what is needed, and an answer to a different request is not used.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from adaptive_cards.elements import WORD_JOINER
from adaptive_cards.locale import drawn_for
from bot import commands
from bot.cards import delivery
from bot.chat import permissions, preferences
from bot.chat.context import ChatContext, trouble
from bot.chat.limits import refuse, too_many
from bot.chat.parsing import parse_command
from bot.commands import help, tac  # noqa: A004  its command's name
from bot.events.outbox import KEPT_S, Handler, facts_of, run_once
from bot.queue.event_queue import PendingEvent, WebhookEvent
from bot.services import Services
from bot.webex import client, errors
from jobs.clock import now, parse
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


def next_try(error: errors.WebexError, pending: PendingEvent, *, unread: bool) -> datetime | None:
    """Return when the event is tried again, or None if no retry would be in time or would help.

    The time is not earlier than Webex asked for. A rejected token (401) may be in the middle of a
    replacement, and a missing object (404) may only be late. If the event is still ``unread``,
    nothing was done yet, so it is tried again after any other answer as well.
    """
    # By this machine's clock, the event began as it arrived if it has no time, or while it is
    # unknown how far this clock is from Webex's.
    began, created, ahead = pending.arrived, parse(pending.event.created), METER.ahead_s(WEBEX)
    if created is not None and ahead is not None:
        began = created + timedelta(seconds=ahead)
    if isinstance(error, errors.WebexNotFoundError):
        helps_until = began + API_LAG
    elif unread or errors.passes(error) or error.status == errors.UNAUTHORIZED:
        helps_until = began + client.MAX_EVENT_AGE
    else:
        return None
    wait = BACK_OFF.after(pending.tries + 1, error.retry_after)
    if now().timestamp() + wait > helps_until.timestamp():
        return None
    log.info("event is tried again", tries=pending.tries + 1, seconds=wait, **facts_of(error))
    return now() + timedelta(seconds=wait)


Ask = Callable[[Callable[[str], Any], str], Any]
"""Function that returns the answer of a method of the client about its argument."""


@contextmanager
def prefetch(webex: client.Webex, actor: str, room: str) -> Iterator[Ask]:
    """Request the person who acted and the members of the room; what is not needed is discarded."""
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

    def __init__(self, error: errors.WebexError, *, gone: bool) -> None:
        super().__init__(str(error))
        self.error, self.gone = error, gone


def receive(event_id: str) -> None:
    """Handle the event that is kept under this id (:mod:`bot.queue.event_queue`), as a job of RQ."""
    services = current(Services)
    with bound_contextvars(event_id=event_id):
        services.events.process(event_id, partial(handle, services))


def handle(services: Services, pending: PendingEvent) -> datetime | None:
    """Handle one event, and return the time of its next try, or None.

    One about a message that no longer exists, or older than ten minutes (a replay), is ignored.
    """
    event, gone, unread = pending.event, False, False
    try:
        _act(services, event)
    except _TooOldError:
        log.info("event about something old", resource=event.resource, id=event.id)
        return None
    except _FailedError as failed:
        error, gone = failed.error, failed.gone
    except errors.WebexError as caught:
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
        if unread and not isinstance(error, errors.WebexNotFoundError):
            _tell_unread(services, event)
    return retry_at


def _act(services: Services, event: WebhookEvent) -> None:
    """Handle an event, unless the bot itself caused it.

    Raises:
        _TooOldError: The event is too old.
        _FailedError: The object of the event does not exist, or Webex does not accept the answer.
        WebexError: Webex does not show what the event is about. Nothing was done.
    """
    webex = services.webex
    _require_fresh(services, event.created)
    if event.resource == "memberships":
        _membership(services, event.id, event.room)
        return
    if event.actor == services.me.id:
        return
    with prefetch(webex, event.actor, event.room) as asked:
        try:
            press = webex.action(event.id) if event.resource == "attachmentActions" else None
            message = webex.message(press.message_id if press else event.id)
        except errors.WebexNotFoundError as error:
            raise _FailedError(error, gone=True) from error
        said: client.Message | client.CardAction = press or message
        _require_fresh(services, said.created)
        is_own = message.person_id == services.me.id
        if is_own is not bool(press):  # its own message, or a press on somebody else's card
            return
        person, room = asked(webex.person, said.person_id), message.room_id
        # no field of a message is guaranteed
        direct, about = (message.room_type or webex.room_type(room)) == "direct", message.id
        pressed = press.id if press else ""
        ctx = ChatContext(services, person, room, direct, message.thread, about, pressed)
        refusal = _refusal(ctx, asked) or too_many(ctx, event.id)
    if press:
        _press(ctx, press, refusal)
    else:
        _run_command(ctx, message, refusal)
    delivery.draw_refused(services, ctx.room, *ctx.person.emails)


def _require_fresh(services: Services, created: str) -> None:
    """Raise ``_TooOldError`` if the time is more than ten minutes ago by Webex's clock.

    A process that has not heard from Webex yet asks it for the time before it calls anything old,
    because its own clock may be wrong.
    """
    if client.is_older_than(created, client.MAX_EVENT_AGE) and METER.ahead_s(WEBEX) is None:
        services.webex.me()
    if client.is_older_than(created, client.MAX_EVENT_AGE):
        raise _TooOldError


def _press(ctx: ChatContext, press: client.CardAction, refusal: Handler | None) -> None:
    act = commands.actions().get(press.inputs.get("do", ""))
    if act is not None:
        inputs = {name: value.replace(WORD_JOINER, "") for name, value in press.inputs.items()}
        _answer(ctx, f"{press.id}:press", refusal or (lambda speaking: act(speaking, inputs)))


def _run_command(ctx: ChatContext, message: client.Message, refusal: Handler | None) -> None:
    if refusal:
        _answer(ctx, f"{message.id}:refusal", refusal)
        return
    typed = parse_command(message, ctx.services.me)
    command = commands.by_typed_name().get(typed.name)
    if command is not None:
        preferences.follow(ctx, commands.language_of(typed.name, command))
        run = command.run
        _answer(ctx, f"{message.id}:command", lambda speaking: run(speaking, typed.argument))
    if command is not help.EXPLAIN and message.files and tac.asked(ctx) is not None:
        _answer(ctx, f"{message.id}:screenshot", partial(tac.keep_screenshot, message=message))
    elif command is None:
        _answer(ctx, f"{message.id}:help", partial(help.answer_free_text, typed=typed))


def _membership(services: Services, membership_id: str, room: str) -> None:
    """Greet a space that the bot was added to, if everybody there may read the greeting.

    Cards that waited for the bot to be back there are drawn at once.

    Other people's memberships are ignored here. A 1:1 space begins with a message of the person or
    the bot, which says what is needed. Not every membership names the type of its room
    (platforms/webex.md 1). If it is missing, Webex is asked.
    """
    permissions.members_changed(services, room)
    mine = services.webex.membership(room, services.me.id)
    if mine is None:
        error = errors.WebexNotFoundError(errors.NOT_FOUND, "the bot is not in the space")
        raise _FailedError(error, gone=True)
    if mine.id != membership_id or (mine.room_type or services.webex.room_type(room)) != "group":
        return
    delivery.draw_refused(services, room)
    _require_fresh(services, mine.created)
    if not permissions.outsiders(services, services.webex.members(room)):
        ctx = ChatContext(services, services.me, room, direct=False, thread="", message="")
        _answer(ctx, f"{membership_id}:{mine.created}:greeting", help.greet_space)


def _answer(ctx: ChatContext, part: str, act: Handler) -> None:
    """Carry out a part of an event once, or raise ``_FailedError`` if Webex fails."""
    try:
        run_once(ctx, part, act)
    except errors.WebexError as error:
        raise _FailedError(error, gone=False) from error


def _tell_unread(services: Services, event: WebhookEvent) -> None:
    # The person is told 1:1, at most once.
    told = Sealed.ANSWERED.of(f"{event.key}:unread")
    if event.resource == "memberships" or not event.actor or services.vault.get(told) is not None:
        return
    services.vault.put(told, "", KEPT_S)
    person: client.WebexPerson | None = None
    with suppress(errors.WebexError):
        person = services.webex.person(event.actor)
    if person and permissions.denial(services.bot, person):
        return
    with drawn_for(preferences.locale_of(services, person.email if person else "")):
        card = trouble("unread", kicker=Text("notice.broken_kicker"))
    try:
        services.messenger.send(card, to_person_id=event.actor)
    except errors.WebexError as error:
        log.warning("unread event not told", id=event.id, error=str(error))


def _refusal(ctx: ChatContext, asked: Ask) -> Handler | None:
    """Return how to refuse this person in this space without a channel's name, or None."""
    title = "refused.button" if ctx.action_id else "refused.message"
    if (why := permissions.denial(ctx.services.bot, ctx.person)) is not None:
        if permissions.is_bot(ctx.person):  # two bots would answer each other endlessly
            return lambda _: None
        return lambda speaking: refuse(speaking, why, title)
    if ctx.direct:
        return None
    if permissions.outsiders(ctx.services, asked(ctx.services.webex.members, ctx.room)):
        return lambda speaking: speaking.refuse(Text("refused.space"), title=title)
    permissions.mark_members_checked(ctx.services, ctx.room)
    return None
