"""The cards of a run in Webex: posted once, edited in place while Webex takes edits, posted anew where it does not.

A message takes ten edits (facts/webex.md 2), so the last one is kept for the end, and small news waits for more of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from adaptive_cards import Card
from bot.chat import audience
from bot.services import Services
from bot.webex.client import WebexAnswerError, WebexError, WebexNotFoundError
from bot.webex.errors import passes
from bot.webex.retry import UNCONFIRMED
from jobs.clock import now
from jobs.runs.run import Run
from jobs.storage import codec, keys

EDITS = 10
NO_EDITS = EDITS + 1
"""Stands for the edits of a card that Webex has never let be edited."""
MIN_EDIT_INTERVAL = timedelta(seconds=2)
NEVER = datetime.min.replace(tzinfo=UTC)
EDIT_REFUSED = frozenset({400, 403, 404, 405, 409, 410, 415, 422})
"""How Webex may say that it does not take an edit: the documents name 400, and say that cards cannot be edited at all."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DesiredCard:
    """A card as it should be now. ``to`` is ``thread``, or the address of a person for a 1:1 message.

    ``mark`` tells whether anything is new; ``turn`` whether it is news that must not wait; ``last`` that no other follows. One that
    ``closes`` only takes back what the card has asked for: where Webex takes no edit it is left out, as a new card would ask for nothing.
    ``asks`` is for where Webex has never taken one: what a person has to see of it, empty for what concerns nobody; by itself the turn.
    """

    slot: str
    card: Card
    fingerprint: str
    to: str = "thread"
    urgency: str = ""
    final: bool = False
    retires: bool = False
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class PostedCard:
    """A card as it stands in Webex. ``room`` is empty where Webex did not name it; then it is asked for.

    ``asks`` is what its newest card has asked of a person, even where that was not posted: who is asked once more gets a card once more.
    """

    message: str
    room: str
    fingerprint: str
    urgency: str
    at: datetime
    edits: int = 0
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class UnconfirmedPost:
    """A card that may stand in Webex, where nobody has said so: after how many posts, and when the last one was made."""

    posts: int
    at: datetime


def desired_card(  # noqa: PLR0913  what a card is made of
    slot: str,
    view: object,
    card: Card,
    *,
    to: str = "thread",
    urgency: str = "",
    final: bool = False,
    retires: bool = False,
    prompt: str | None = None,
) -> DesiredCard:
    """A card whose mark follows from the view; the moment of drawing (``at``) is no news."""
    plain = replace(view, at=NEVER) if hasattr(view, "at") else view  # type: ignore[type-var]
    return DesiredCard(slot, card, hashlib.sha256(codec.dump(plain)).hexdigest()[:16], to, urgency, final, retires, prompt)


def sync(services: Services, run: Run, wanted: DesiredCard) -> float:
    """Make Webex show the card; returns the seconds after which to try again, or 0.

    With an outsider in the space, what stands in its thread is held back (:mod:`bot.chat.audience`).

    Raises:
        WebexError: Webex does not answer; nothing is lost, the next draw shows the newest state.
    """
    shown = posted_card(services, run.id, wanted.slot)
    if (shown is None or shown.fingerprint != wanted.fingerprint) and wanted.to == "thread" and not audience.may_read(services, run):
        return audience.HELD_S
    if shown is None:
        return _post(services, run, wanted)
    if shown.fingerprint == wanted.fingerprint:
        return 0
    news = _must_not_wait(wanted, shown)
    if not news and (wait := (shown.at + MIN_EDIT_INTERVAL - now()).total_seconds()) > 0:
        return wait
    if shown.edits < EDITS - (0 if wanted.final else 1):
        return _edit(services, run, wanted, shown)
    return _post(services, run, wanted, shown) if news else _skip_update(services, run, wanted, shown)


def posted_card(services: Services, run_id: str, slot: str) -> PostedCard | None:
    """How a card stands in Webex, or None where nobody has said that it does."""
    raw = services.redis.hget(keys.cards(run_id), slot)
    return codec.load(raw, PostedCard) if isinstance(raw, bytes) else None


def mark_posted(services: Services, run_id: str, slot: str) -> None:
    """Webex has taken a card that is not drawn again, but was the answer to a command."""
    services.redis.hset(keys.cards(run_id), slot, "")


def was_posted(services: Services, run_id: str, slot: str) -> bool:
    """Whether Webex has taken it."""
    return bool(services.redis.hexists(keys.cards(run_id), slot))


def refused(services: Services, run_id: str, slot: str) -> bool:
    """Whether Webex has said no to the card when it was last posted."""
    return bool(services.redis.hexists(keys.cards(run_id), _refused_field(slot)))


def repost(services: Services, run_id: str, slot: str) -> None:
    """Have the card posted anew, further down, at the next draw."""
    services.redis.hdel(keys.cards(run_id), slot, _unconfirmed_field(slot))


def _post(services: Services, run: Run, wanted: DesiredCard, shown: PostedCard | None = None) -> float:
    """Post the card where it belongs, ``shown`` being the one that it follows. The room of a 1:1 message is known by the answer alone.

    A post is not undone by being lost: where the last one may stand in Webex already, the next has to wait, and longer each time.
    """
    doubt = _unconfirmed(services, run.id, wanted.slot)
    if doubt and (wait := (doubt.at - now()).total_seconds() + UNCONFIRMED.after(doubt.posts)) > 0:
        return wait
    try:
        message, room = _send(services, run, wanted)
    except WebexError as error:
        if (
            wanted.to != "thread"
            and not passes(error)
            and services.redis.hset(keys.cards(run.id), _refused_field(wanted.slot), error.tracking_id)
        ):
            services.cards.request(run.id)  # another card may have to say it
        if error.accepted and passes(error):
            more = UnconfirmedPost(doubt.posts + 1 if doubt else 1, now())
            services.redis.hset(keys.cards(run.id), _unconfirmed_field(wanted.slot), codec.dump(more))
        raise
    edits = NO_EDITS if shown and shown.edits == NO_EDITS else 0
    _save(services, run.id, wanted.slot, PostedCard(message, room, wanted.fingerprint, wanted.urgency, now(), edits, wanted.prompt or ""))
    return 0


def _send(services: Services, run: Run, wanted: DesiredCard) -> tuple[str, str]:
    """The message and its room. Whoever asked is written to by their id: addresses change (facts/webex.md 1)."""
    content, text = wanted.card.content, wanted.card.text
    if wanted.to == "thread":
        room = run.origin.room
        return services.messenger.send(room_id=room, text=text, card=content, parent_id=run.origin.thread).id, room
    known = wanted.to == run.requester.email
    posted = services.messenger.send(
        to_person_id=run.requester.id if known else None, to_email=None if known else wanted.to, text=text, card=content
    )
    return posted.id, posted.room_id


def _edit(services: Services, run: Run, wanted: DesiredCard, shown: PostedCard) -> float:
    """Edit the card in place. Where Webex does not take that, it takes none of its later edits either, and only news is posted anew."""
    try:
        room = shown.room or services.webex.message(shown.message, fresh=False).room_id
        services.messenger.edit(shown.message, room, wanted.card.text, wanted.card.content)
    except WebexAnswerError as error:
        if error.status not in EDIT_REFUSED:
            raise
        log.info("card not editable", run=run.id, slot=wanted.slot, tracking_id=error.tracking_id)
        if isinstance(error, WebexNotFoundError):  # somebody has deleted it
            return 0 if wanted.retires else _post(services, run, wanted)
        refused = replace(shown, edits=EDITS if shown.edits else NO_EDITS)
        _save(services, run.id, wanted.slot, refused)
        return _post(services, run, wanted, refused) if _must_not_wait(wanted, refused) else _skip_update(services, run, wanted, refused)
    edited = PostedCard(shown.message, room, wanted.fingerprint, wanted.urgency, now(), shown.edits + 1, wanted.prompt or "")
    _save(services, run.id, wanted.slot, edited)
    return 0


def _skip_update(services: Services, run: Run, wanted: DesiredCard, shown: PostedCard) -> float:
    """The card stays as it is. That nobody is asked any more is remembered."""
    if shown.prompt and wanted.prompt == "":
        _save(services, run.id, wanted.slot, replace(shown, prompt=""))
    return 0


def _must_not_wait(wanted: DesiredCard, shown: PostedCard) -> bool:
    """Whether it must not wait. Where the card was never edited, each piece of news is a message: only what asks for a person is."""
    if shown.edits == NO_EDITS and wanted.prompt is not None:
        return not wanted.retires and wanted.prompt not in {"", shown.prompt}
    return not wanted.retires and (wanted.final or wanted.urgency != shown.urgency)


def _unconfirmed_field(slot: str) -> str:
    return f"{slot}:doubt"


def _refused_field(slot: str) -> str:
    return f"{slot}:refused"


def _unconfirmed(services: Services, run_id: str, slot: str) -> UnconfirmedPost | None:
    raw = services.redis.hget(keys.cards(run_id), _unconfirmed_field(slot))
    return codec.load(raw, UnconfirmedPost) if isinstance(raw, bytes) else None


def _save(services: Services, run_id: str, slot: str, shown: PostedCard) -> None:
    """How the card stands now, without a doubt."""
    with services.redis.pipeline() as pipe:
        pipe.hset(keys.cards(run_id), slot, codec.dump(shown))
        pipe.hdel(keys.cards(run_id), _unconfirmed_field(slot))
        pipe.hdel(keys.cards(run_id), _refused_field(slot))
        *_, was_refused = pipe.execute()
    if was_refused:
        services.cards.request(run_id)
