"""Worker side of a webhook.

The worker fetches the object that the event refers to, authorizes the person, parses the text and
calls the command or action. Fetching proves that the event is real (webex.md 1). Nothing in
the payload is trusted.

The person, the members and the card of a press are requested while the subject of the event is
fetched, which takes one round trip instead of four. The event only suggests these requests. The fetched
subject decides what is needed, and an answer to a different request is not used.

Each part of the answer is carried out once, and posts that Webex did not accept are kept.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from redis.exceptions import RedisError
from structlog.contextvars import bound_contextvars

from adaptive_cards import Card
from adaptive_cards.elements import WORD_JOINER
from adaptive_cards.locale import drawn_for
from bot import commands
from bot.cards import delivery
from bot.cards.presenters.card_state import posted_card
from bot.chat import permissions, preferences
from bot.chat.context import AnsweredError, ChatContext, RefusedError, trouble
from bot.chat.limits import refuse, too_many
from bot.chat.parsing import parse_command
from bot.commands import help, tac  # noqa: A004  its command's name
from bot.queue import PendingEvent, WebhookEvent
from bot.services import Services
from bot.webex import client, errors
from jobs.channel.form import InvalidInputError
from jobs.clock import now, parse
from jobs.clouds.clock_skew import METER, WEBEX
from jobs.clouds.http import Pauses
from jobs.model import Text, verbatim
from jobs.runs.run import new_reference
from jobs.runtime import current
from jobs.storage import codec, keys
from jobs.storage.counters import COUNTERS, EVENTS_HANDLED
from jobs.storage.vault import Sealed

API_LAG = timedelta(seconds=60)
"""Time for which an object may be missing although its event has arrived (platforms/webex.md 1)."""
BACK_OFF = Pauses((2, 5, 10, 20, 40, 60))
"""Pauses before each retry, in seconds."""
KEPT_S = 1800
"""Seconds for which a handled event is remembered. An event is retried for less time than that."""
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
Handler = Callable[[ChatContext], None]


AHEAD = ThreadPoolExecutor(8, "ahead")
"""Threads of the requests ahead. A worker handles one event at a time, but may leave slow requests."""


def prefetch(webex: client.Webex, event: WebhookEvent) -> Ask:
    """Request who acted, the members and the pressed card; what is not needed is discarded."""
    all_of = (webex.person, event.actor), (webex.members, event.room), (webex.message, event.card)
    pending: dict[Any, Future[Any]] = {
        (ask, about): AHEAD.submit(copy_context().run, ask, about) for ask, about in all_of if about
    }

    def asked(ask: Callable[[str], Any], about: str) -> Any:
        found = pending.get((ask, about))
        return found.result() if found else ask(about)

    return asked


@dataclass(slots=True)
class Outbox(client.Messenger):
    """Messenger that keeps the posts of a command that Webex did not accept.

    After the first such post all later posts are kept too, in order. If Webex is unavailable, the
    command does not notice and runs to its end. The next try of the event posts only what is left,
    so that a retried event does not run a command twice.

    Attributes:
        unsent: Posts that are still to be made. A message that may already be posted is posted
            again, up to three times, because no answer is worse than two. A file is not.
        trouble: Error of the first post that was kept, or None if Webex accepted all.
    """

    services: Services
    unsent: list[client.Post] = field(default_factory=list)
    trouble: errors.WebexError | None = None

    def post(self, post: client.Post) -> client.Message:
        """Post a message and note the card it shows, or keep it; a kept one has no id yet.

        Raises:
            WebexError: Webex refused the message and would refuse it again.
        """
        if self.trouble is not None:
            self.unsent.append(post)
            return client.Message.of({})
        try:
            posted = self.services.webex.post(post)
        except errors.WebexError as error:
            if not errors.passes(error):
                raise
            self.trouble = error
            if not error.accepted:
                self.unsent.append(post)
            elif post.file or post.doubts >= len(errors.UNCONFIRMED.seconds):
                told = {"posts": post.doubts + 1, **facts_of(error)}
                log.warning("message given up: it may be there", **told)
            else:  # Webex may have posted it, so the pause before the next try is longer
                error.retry_after = errors.UNCONFIRMED.after(post.doubts + 1, error.retry_after)
                self.unsent.append(replace(post, doubts=post.doubts + 1))
            return client.Message.of({})
        if posted.id and post.shows:
            delivery.mark_posted(self.services, post.shows, posted.id, post.fields["roomId"])
        return posted

    def edit(self, message_id: str, room_id: str, card: Card) -> None:
        """Edit the message at once, because a kept edit could be out of date when it is made."""
        self.services.webex.edit(message_id, room_id, card)

    def post_all(self, _: ChatContext, kept: str) -> None:
        # A card of a run is skipped if the requester has already got it by asking again.
        for post in codec.load(kept, list[client.Post]):
            if not (post.shows and posted_card(self.services, *post.shows)):
                self.post(post)


def facts_of(error: errors.WebexError) -> dict[str, str]:
    return {"tracking_id": error.tracking_id, "error": str(error)}


def run_once(ctx: ChatContext, part: str, act: Callable[..., None], *given: object) -> None:
    """Carry out a part of an event, unless an earlier try of the event has done it to the end.

    ``act`` gets the context with an outbox, and then what is ``given``.

    Raises:
        WebexError: Webex is unavailable. The next try of the event does the rest.
        redis.RedisError: Redis is unavailable.
    """
    vault, name = ctx.services.vault, Sealed.ANSWERED.of(part)
    outbox = Outbox(ctx.services)
    speaking = replace(ctx, services=replace(ctx.services, messenger=outbox))
    redis, done = ctx.services.redis, keys.answered(part)
    sealed, is_done = redis.mget(keys.sealed(name), done)
    if (kept := vault.opened(name, sealed)) is not None:
        act, given = outbox.post_all, (kept,)
    elif is_done is not None:
        return
    with drawn_for(preferences.locale_of(ctx.services, preferences.place_of(ctx))):
        run_safely(speaking, act, *given)
    if kept is None and not outbox.unsent:
        redis.set(done, "", ex=KEPT_S)  # less than half of what a sealed value takes
    else:
        vault.put(name, codec.dump(outbox.unsent).decode(), KEPT_S)
    if outbox.trouble is not None and outbox.unsent:
        raise outbox.trouble


def run_safely(ctx: ChatContext, act: Callable[..., None], *given: object) -> None:
    # A card that Webex rejects (400) is an error in the bot's code, because it would be rejected
    # again. Other errors of Webex and Redis are raised.
    try:
        act(ctx, *given)
    except RefusedError as refused:
        run_safely(ctx, refused.answer)
    except InvalidInputError as wrong:
        run_safely(ctx, RefusedError(wrong.reason).answer)
    except AnsweredError:
        pass  # all is said
    except Exception as error:
        rejected = isinstance(error, errors.WebexBadRequestError)
        in_space = not ctx.direct and ctx.person.id != ctx.services.me.id
        if in_space and isinstance(error, errors.WebexError) and error.status == errors.FORBIDDEN:
            # only moderators may write in the space of the question, or nobody may
            log.warning("the bot may not write in the space", room=ctx.room, **facts_of(error))
            ctx.services.messenger.send(trouble("unposted"), to_person_id=ctx.person.id)
        elif isinstance(error, errors.WebexError | RedisError) and not rejected:
            raise
        else:
            reference = new_reference()
            log.exception("event failed", reference=reference)
            ctx.say(trouble("broken", facts=(("refused.reference", verbatim(reference)),)))


class _TooOldError(Exception):
    """Error of an event, or of its message or button press, that is more than ten minutes old."""


def receive(event_id: str) -> None:
    """Handle the event that is kept under this id (:mod:`bot.queue`), as a job of RQ."""
    services = current(Services)
    with bound_contextvars(event_id=event_id):
        services.events.process(event_id, partial(handle, services))


def handle(services: Services, pending: PendingEvent) -> datetime | None:
    """Handle one event, and return the time of its next try, or None.

    One about a message that no longer exists, or older than ten minutes (a replay), is ignored.
    """
    event, unread = pending.event, True
    try:
        _require_fresh(services, event.created)
        answer = (_membership if event.resource == "memberships" else _said)(services, event)
        unread = False
        if answer is not None:
            answer()
    except _TooOldError:
        log.info("event about something old", resource=event.resource, id=event.id)
        return None
    except errors.WebexError as error:
        retry_at = next_try(error, pending, unread=unread)
        if retry_at is None and error.gone:
            log.info("event about something that is gone", resource=event.resource, id=event.id)
        elif retry_at is None:
            COUNTERS.add(EVENTS_HANDLED, "given_up")
            log.warning("event given up", tries=pending.tries + 1, **facts_of(error))
            if unread and not isinstance(error, errors.WebexNotFoundError):
                _tell_unread(services, event)
        return retry_at
    log.info("event handled", resource=event.resource, tries=pending.tries + 1)
    return None


def _said(services: Services, event: WebhookEvent) -> Callable[[], None] | None:
    """Return how to answer a message or a press, or None if the bot itself caused the event.

    Raises:
        _TooOldError: The message or the press is too old.
        WebexError: Webex does not show what the event is about, which may not exist any more.
    """
    webex = services.webex
    if event.actor == services.me.id:
        return None
    asked = prefetch(webex, event)
    try:
        press = webex.action(event.id) if event.resource == "attachmentActions" else None
        message = asked(webex.message, press.message_id if press else event.id)
    except errors.WebexNotFoundError as error:
        error.gone = True
        raise
    said: client.Message | client.CardAction = press or message
    _require_fresh(services, said.created)
    is_own = message.person_id == services.me.id
    if is_own is not bool(press):  # its own message, or a press on somebody else's card
        return None
    person, room = asked(webex.person, said.person_id), message.room_id
    # no field of a message is guaranteed
    direct, about = (message.room_type or webex.room_type(room)) == "direct", message.id
    pressed = press.id if press else ""
    ctx = ChatContext(services, person, room, direct, message.thread, about, pressed)
    refusal = _refusal(ctx, asked) or too_many(ctx, event.id)
    delivery.request_refused(services, ctx.room, *ctx.person.emails)
    if refusal:
        return partial(run_once, ctx, f"{event.id}:refusal", refusal)
    return _press(ctx, press) if press else partial(_run_command, ctx, message)


def _require_fresh(services: Services, created: str) -> None:
    """Raise ``_TooOldError`` if the time is more than ten minutes ago by Webex's clock.

    A process that has not heard from Webex yet asks it for the time before it calls anything old,
    because its own clock may be wrong.
    """
    if client.is_older_than(created, client.MAX_EVENT_AGE) and METER.ahead_s(WEBEX) is None:
        services.webex.me()
    if client.is_older_than(created, client.MAX_EVENT_AGE):
        raise _TooOldError


def _press(ctx: ChatContext, press: client.CardAction) -> Callable[[], None] | None:
    # A verb that no button of this version has does nothing.
    act = commands.actions().get(press.inputs.get("do", ""))
    inputs = {name: value.replace(WORD_JOINER, "") for name, value in press.inputs.items()}
    return partial(run_once, ctx, f"{press.id}:press", act, inputs) if act else None


def _run_command(ctx: ChatContext, message: client.Message) -> None:
    typed = parse_command(message, ctx.services.me)
    command = commands.by_typed_name().get(typed.name)
    if command is not None:
        preferences.follow(ctx, commands.language_of(typed.name, command))
        run_once(ctx, f"{message.id}:command", command.run, typed.argument)
    if command is not help.EXPLAIN and message.files and tac.asked(ctx) is not None:
        run_once(ctx, f"{message.id}:screenshot", tac.keep_screenshot, message)
    elif command is None:
        run_once(ctx, f"{message.id}:help", help.answer_free_text, typed)


def _membership(services: Services, event: WebhookEvent) -> Callable[[], None] | None:
    """Return how to greet a space that the bot was added to, if everybody there may read that.

    Cards that waited for the bot to be back there are drawn at once.

    Other people's memberships are ignored here. A 1:1 space begins with a message of the person or
    the bot, which says what is needed. Not every membership names the type of its room
    (platforms/webex.md 1). If it is missing, Webex is asked.
    """
    room = event.room
    permissions.members_changed(services, room)
    mine = services.webex.membership(room, services.me.id)
    if mine is None:
        missing = errors.WebexNotFoundError(errors.NOT_FOUND, "the bot is not in the space")
        missing.gone = True
        raise missing
    if mine.id != event.id or (mine.room_type or services.webex.room_type(room)) != "group":
        return None
    delivery.request_refused(services, room)
    _require_fresh(services, mine.created)
    if permissions.outsiders(services, services.webex.members(room)):
        return None
    ctx = ChatContext(services, services.me, room, direct=False, thread="", message="")
    return partial(run_once, ctx, f"{mine.id}:{mine.created}:greeting", help.greet_space)


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
