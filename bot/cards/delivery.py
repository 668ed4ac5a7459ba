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
from bot.services import Desk
from bot.webex.client import WebexAnswerError, WebexError, WebexNotFoundError
from bot.webex.errors import passes
from jobs.clock import now
from jobs.runs.run import Run
from jobs.storage import codec

EDITS = 10
NO_EDITS = EDITS + 1
"""Stands for the edits of a card that Webex has never let be edited."""
QUIET = timedelta(seconds=2)
NEVER = datetime.min.replace(tzinfo=UTC)
REFUSALS = frozenset({400, 403, 404, 405, 409, 410, 415, 422})
"""How Webex may say that it does not take an edit: the documents name 400, and say that cards cannot be edited at all."""
DOUBT_S = (5.0, 60.0, 300.0)
"""The pauses after a post that Webex may have taken without saying so, in seconds, the last one again and again."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Face:
    """A card as it should be now. ``to`` is ``thread``, or the address of a person for a 1:1 message.

    ``mark`` tells whether anything is new; ``turn`` whether it is news that must not wait; ``last`` that no other follows. One that
    ``closes`` only takes back what the card has asked for: where Webex takes no edit it is left out, as a new card would ask for nothing.
    ``asks`` is for where Webex has never taken one: what a person has to see of it, empty for what concerns nobody; by itself the turn.
    """

    slot: str
    card: Card
    mark: str
    to: str = "thread"
    turn: str = ""
    last: bool = False
    closes: bool = False
    asks: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A card as it stands in Webex. ``room`` is empty where Webex did not name it; then it is asked for.

    ``asks`` is what its newest face has asked of a person, even where that was not posted: who is asked once more gets a card once more.
    """

    message: str
    room: str
    mark: str
    turn: str
    at: datetime
    edits: int = 0
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A card that may stand in Webex, where nobody has said so: after how many posts, and when the last one was made."""

    posts: int
    at: datetime


def face(  # noqa: PLR0913  what a face is made of
    slot: str,
    view: object,
    card: Card,
    *,
    to: str = "thread",
    turn: str = "",
    last: bool = False,
    closes: bool = False,
    asks: str | None = None,
) -> Face:
    """A face whose mark follows from the view; the moment of drawing (``at``) is no news."""
    plain = replace(view, at=NEVER) if hasattr(view, "at") else view  # type: ignore[type-var]
    return Face(slot, card, hashlib.sha256(codec.dump(plain)).hexdigest()[:16], to, turn, last, closes, asks)


def show(desk: Desk, run: Run, wanted: Face) -> float:
    """Make Webex show the face; returns the seconds after which to try again, or 0.

    With an outsider in the space, what stands in its thread is held back (:mod:`bot.chat.audience`).

    Raises:
        WebexError: Webex does not answer; nothing is lost, the next draw shows the newest state.
    """
    shown = read(desk, run.id, wanted.slot)
    if (shown is None or shown.mark != wanted.mark) and wanted.to == "thread" and not audience.may_read(desk, run):
        return audience.HELD_S
    if shown is None:
        return _post(desk, run, wanted)
    if shown.mark == wanted.mark:
        return 0
    news = _news(wanted, shown)
    if not news and (wait := (shown.at + QUIET - now()).total_seconds()) > 0:
        return wait
    if shown.edits < EDITS - (0 if wanted.last else 1):
        return _edit(desk, run, wanted, shown)
    return _post(desk, run, wanted, shown) if news else _left_out(desk, run, wanted, shown)


def read(desk: Desk, run_id: str, slot: str) -> Shown | None:
    """How a card stands in Webex, or None where nobody has said that it does."""
    raw = desk.redis.hget(f"cards:{run_id}", slot)
    return codec.load(raw, Shown) if isinstance(raw, bytes) else None


def answered(desk: Desk, run_id: str, slot: str) -> None:
    """Webex has taken a card that is not drawn again, but was the answer to a command."""
    desk.redis.hset(f"cards:{run_id}", slot, "")


def was_answered(desk: Desk, run_id: str, slot: str) -> bool:
    """Whether Webex has taken it."""
    return bool(desk.redis.hexists(f"cards:{run_id}", slot))


def refused(desk: Desk, run_id: str, slot: str) -> bool:
    """Whether Webex has said no to the card when it was last posted."""
    return bool(desk.redis.hexists(f"cards:{run_id}", _refused(slot)))


def forget(desk: Desk, run_id: str, slot: str) -> None:
    """Have the card posted anew, further down, at the next draw."""
    desk.redis.hdel(f"cards:{run_id}", slot, _doubt(slot))


def _post(desk: Desk, run: Run, wanted: Face, shown: Shown | None = None) -> float:
    """Post the card where it belongs, ``shown`` being the one that it follows. The room of a 1:1 message is known by the answer alone.

    A post is not undone by being lost: where the last one may stand in Webex already, the next has to wait, and longer each time.
    """
    doubt = _in_doubt(desk, run.id, wanted.slot)
    if doubt and (wait := (doubt.at - now()).total_seconds() + DOUBT_S[min(doubt.posts, len(DOUBT_S)) - 1]) > 0:
        return wait
    try:
        message, room = _sent(desk, run, wanted)
    except WebexError as error:
        if wanted.to != "thread" and not passes(error) and desk.redis.hset(f"cards:{run.id}", _refused(wanted.slot), error.tracking_id):
            desk.changed(run.id)  # another card may have to say it
        if error.accepted and passes(error):
            more = Doubt(doubt.posts + 1 if doubt else 1, now())
            desk.redis.hset(f"cards:{run.id}", _doubt(wanted.slot), codec.dump(more))
        raise
    edits = NO_EDITS if shown and shown.edits == NO_EDITS else 0
    _write(desk, run.id, wanted.slot, Shown(message, room, wanted.mark, wanted.turn, now(), edits, wanted.asks or ""))
    return 0


def _sent(desk: Desk, run: Run, wanted: Face) -> tuple[str, str]:
    """The message and its room. Whoever asked is written to by their id: addresses change (facts/webex.md 1)."""
    content, text = wanted.card.content, wanted.card.text
    if wanted.to == "thread":
        room = run.place["room"]
        return desk.webex.send(room_id=room, text=text, card=content, parent_id=run.place.get("thread")).id, room
    known = wanted.to == run.requester.email
    posted = desk.webex.send(
        to_person_id=run.requester.id if known else None, to_email=None if known else wanted.to, text=text, card=content
    )
    return posted.id, posted.room_id


def _edit(desk: Desk, run: Run, wanted: Face, shown: Shown) -> float:
    """Edit the card in place. Where Webex does not take that, it takes none of its later edits either, and only news is posted anew."""
    try:
        room = shown.room or desk.webex.message(shown.message, fresh=False).room_id
        desk.webex.edit(shown.message, room, wanted.card.text, wanted.card.content)
    except WebexAnswerError as error:
        if error.status not in REFUSALS:
            raise
        log.info("card not editable", run=run.id, slot=wanted.slot, tracking_id=error.tracking_id)
        if isinstance(error, WebexNotFoundError):  # somebody has deleted it
            return 0 if wanted.closes else _post(desk, run, wanted)
        refused = replace(shown, edits=EDITS if shown.edits else NO_EDITS)
        _write(desk, run.id, wanted.slot, refused)
        return _post(desk, run, wanted, refused) if _news(wanted, refused) else _left_out(desk, run, wanted, refused)
    edited = Shown(shown.message, room, wanted.mark, wanted.turn, now(), shown.edits + 1, wanted.asks or "")
    _write(desk, run.id, wanted.slot, edited)
    return 0


def _left_out(desk: Desk, run: Run, wanted: Face, shown: Shown) -> float:
    """The card stays as it is. That nobody is asked any more is remembered."""
    if shown.asks and wanted.asks == "":
        _write(desk, run.id, wanted.slot, replace(shown, asks=""))
    return 0


def _news(wanted: Face, shown: Shown) -> bool:
    """Whether it must not wait. Where the card was never edited, each piece of news is a message: only what asks for a person is."""
    if shown.edits == NO_EDITS and wanted.asks is not None:
        return not wanted.closes and wanted.asks not in {"", shown.asks}
    return not wanted.closes and (wanted.last or wanted.turn != shown.turn)


def _doubt(slot: str) -> str:
    return f"{slot}:doubt"


def _refused(slot: str) -> str:
    return f"{slot}:refused"


def _in_doubt(desk: Desk, run_id: str, slot: str) -> Doubt | None:
    raw = desk.redis.hget(f"cards:{run_id}", _doubt(slot))
    return codec.load(raw, Doubt) if isinstance(raw, bytes) else None


def _write(desk: Desk, run_id: str, slot: str, shown: Shown) -> None:
    """How the card stands now, without a doubt."""
    with desk.redis.pipeline() as pipe:
        pipe.hset(f"cards:{run_id}", slot, codec.dump(shown))
        pipe.hdel(f"cards:{run_id}", _doubt(slot))
        pipe.hdel(f"cards:{run_id}", _refused(slot))
        *_, was_refused = pipe.execute()
    if was_refused:
        desk.changed(run_id)
