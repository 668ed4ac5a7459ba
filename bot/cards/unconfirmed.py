"""Cards that Webex may show although the bot has not recorded their messages.

The answer to a post can be lost, and a process can die before it has the answer. In a 1:1 the bot
can read what it has posted, so there each post is noted before it is made, and its message is
looked for later. In a space Webex shows a bot only the messages that mention it (facts/webex.md 1).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime

from bot.cards.presenters.card_state import (
    THREAD,
    DesiredCard,
    PostedCard,
    posted_cards,
    unconfirmed_field,
)
from bot.services import Services
from bot.webex.client import Message, WebexError
from bot.webex.errors import passes
from bot.webex.own_posts import is_own, may_be_of_run, plain
from bot.webex.retry import UNCONFIRMED
from jobs.clock import now
from jobs.runs.run import Run
from jobs.storage import codec, keys


@dataclass(frozen=True, slots=True)
class UnconfirmedPost:
    """Card that Webex may have posted without confirming it.

    ``posts`` is the number of lost answers, ``at`` the time of the last post. ``card`` is the card
    as that post would show it, without its message, and ``text`` a mark of its text. Both are
    missing for a room in which the bot cannot look. ``names_run`` is whether the card shows the
    run's id.
    """

    posts: int
    at: datetime
    card: PostedCard | None = None
    text: str = ""
    names_run: bool = False

    @property
    def wait_s(self) -> float:
        """Return the seconds that the next post still has to wait; 0 or less if it may be made."""
        return (self.at - now()).total_seconds() + UNCONFIRMED.after(max(self.posts, 1))


def load(services: Services, run_id: str, slot: str) -> UnconfirmedPost | None:
    raw = services.redis.hget(keys.cards(run_id), unconfirmed_field(slot))
    return codec.load(raw, UnconfirmedPost) if isinstance(raw, bytes) else None


def save(services: Services, run_id: str, slot: str, post: UnconfirmedPost | None) -> None:
    if post is None:
        services.redis.hdel(keys.cards(run_id), unconfirmed_field(slot))
    else:
        services.redis.hset(keys.cards(run_id), unconfirmed_field(slot), codec.dump(post))


def may_be_posted(error: WebexError) -> bool:
    """Return whether Webex may show a card although the request to post it failed."""
    return passes(error) and error.accepted


def begin(
    services: Services, run: Run, wanted: DesiredCard, card: PostedCard, posts: int
) -> UnconfirmedPost:
    """Note a card that is posted now, if its room can be read later; return the note."""
    post = UnconfirmedPost(posts, now())
    if _is_direct(run, wanted):
        named = run.id in json.dumps(wanted.card.content)
        post = replace(post, card=card, text=_mark(wanted.card.text), names_run=named)
        save(services, run.id, wanted.slot, post)
    return post


def find(
    services: Services, run: Run, wanted: DesiredCard, post: UnconfirmedPost
) -> PostedCard | None:
    """Return the card with its message if Webex shows it, or else None.

    The result is None as well if the bot cannot read the room.

    Raises:
        WebexError: Webex is unavailable, and nothing was posted.
    """
    if post.card is None or not _is_direct(run, wanted):
        return None
    try:
        found = _message_of(services, run, wanted, post)
    except WebexError as error:
        if not passes(error):
            return None
        error.accepted = False
        raise
    return replace(post.card, message=found.id, room=found.room_id) if found else None


def _message_of(
    services: Services, run: Run, wanted: DesiredCard, post: UnconfirmedPost
) -> Message | None:
    """Return the message that the post made and that none of the run's known cards has, or None."""
    known = {each.message for each in posted_cards(services, run.id).values()}
    newest = (each for each in _newest(services, run, wanted) if each.id not in known)
    alike = (each for each in newest if _mark(each.text) == post.text)
    own = (each for each in alike if is_own(each, services.me.id, post.at))
    return next((each for each in own if _is_of_run(services, run, post, each)), None)


def _is_of_run(services: Services, run: Run, post: UnconfirmedPost, message: Message) -> bool:
    """Return whether the message may be a card of this run.

    The message itself is read, because a list of 1:1 messages does not show their cards.
    """
    whole = message if message.card else services.webex.message(message.id, fresh=False)
    return not post.names_run or may_be_of_run(whole, run.id)


def _newest(services: Services, run: Run, wanted: DesiredCard) -> tuple[Message, ...]:
    if wanted.to == THREAD:
        return services.webex.latest_messages(run.origin.room)
    if wanted.to == run.requester.email:
        return services.webex.latest_of_person(person_id=run.requester.id)
    return services.webex.latest_of_person(email=wanted.to)


def _is_direct(run: Run, wanted: DesiredCard) -> bool:
    return wanted.to != THREAD or run.origin.direct


def _mark(text: str) -> str:
    return hashlib.sha256(plain(text).encode()).hexdigest()[:16]
