"""Answer of an event: each part is carried out once, and posts that Webex did not accept are kept."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from redis.exceptions import RedisError

from adaptive_cards.components import Card
from adaptive_cards.locale import drawn_for
from bot.cards import delivery
from bot.cards.presenters.card_state import was_posted
from bot.chat import preferences
from bot.chat.context import ChatContext, trouble
from bot.services import Services
from bot.webex import errors
from bot.webex.client import Message, Messenger, Post
from jobs.model import verbatim
from jobs.runs.run import new_reference
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed

KEPT_S = 1800
"""Seconds for which a handled event is remembered. An event is retried for less time than that."""
Handler = Callable[[ChatContext], None]
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outbox(Messenger):
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
    unsent: list[Post] = field(default_factory=list)
    trouble: errors.WebexError | None = None

    def post(self, post: Post) -> Message:
        """Post the message or keep it for later; a kept message has no id yet.

        Raises:
            WebexError: Webex refused the message and would refuse it again.
        """
        if self.trouble is None:
            try:
                return self.services.webex.post(post)
            except errors.WebexError as error:
                if not errors.passes(error):
                    raise
                self.trouble = error
                self.unsent += _remaining(post, error)
        else:
            self.unsent.append(post)
        return Message.of({})

    def edit(self, message_id: str, room_id: str, card: Card) -> None:
        """Edit the message at once, because a kept edit could be out of date when it is made."""
        self.services.webex.edit(message_id, room_id, card)

    def post_all(self, kept: str, _: ChatContext) -> None:
        # A card of a run is skipped if the requester has already got it by asking again.
        for post in codec.load(kept, list[Post]):
            if post.shows is not None and was_posted(self.services, *post.shows):
                continue
            posted = self.post(post)
            if posted.id and post.shows:
                room = post.fields["roomId"]
                delivery.mark_posted(self.services, post.shows, posted.id, room)


def facts_of(error: errors.WebexError) -> dict[str, str]:
    return {"tracking_id": error.tracking_id, "error": str(error)}


def _remaining(post: Post, error: errors.WebexError) -> tuple[Post, ...]:
    # If Webex may have posted the message, the retry delay in ``error`` is extended.
    if not error.accepted:
        return (post,)
    if post.file or post.doubts >= len(errors.UNCONFIRMED.seconds):
        log.warning("message given up: it may be there", posts=post.doubts + 1, **facts_of(error))
        return ()
    error.retry_after = errors.UNCONFIRMED.after(post.doubts + 1, error.retry_after)
    return (replace(post, doubts=post.doubts + 1),)


def run_once(ctx: ChatContext, part: str, act: Handler) -> None:
    """Carry out a part of an event, unless an earlier try of the event has done it to the end.

    Raises:
        WebexError: Webex is unavailable. The next try of the event does the rest.
        redis.RedisError: Redis is unavailable.
    """
    vault, name = ctx.services.vault, Sealed.ANSWERED.of(part)
    outbox = Outbox(ctx.services)
    speaking = replace(ctx, services=replace(ctx.services, outbox=outbox))
    redis, done = ctx.services.redis, keys.answered(part)
    sealed, is_done = redis.mget(keys.sealed(name), done)
    if (kept := vault.opened(name, sealed)) is not None:
        act = partial(outbox.post_all, kept)
    elif is_done is not None:
        return
    with drawn_for(preferences.locale_of(ctx.services, preferences.place_of(ctx))):
        _run_safely(speaking, act)
    if kept is None and not outbox.unsent:
        redis.set(done, "", ex=KEPT_S)  # less than half of what a sealed value takes
    else:
        vault.put(name, codec.dump(outbox.unsent).decode(), KEPT_S)
    if outbox.trouble is not None and outbox.unsent:
        raise outbox.trouble


def _run_safely(ctx: ChatContext, act: Handler) -> None:
    # A card that Webex rejects (400) is an error in the bot's code, because it would be rejected
    # again. Other errors of Webex and Redis are raised.
    try:
        act(ctx)
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
