"""The cards of a run in Webex: posted once, edited in place while Webex takes edits, posted anew where it does not.

A message takes ten edits (facts/webex.md 2), so the last one is kept for the end, and small news waits for more of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from adaptive_cards import Card
from bot import audience
from bot.desk import Desk
from bot.webex import WebexAnswerError
from jobs import codec
from jobs.clock import now
from jobs.run import Run

EDITS = 10
QUIET = timedelta(seconds=2)
NEVER = datetime.min.replace(tzinfo=UTC)
REFUSALS = frozenset({400, 403, 404, 405, 409, 410, 415, 422})
"""How Webex may say that it does not take an edit: the documents name 400, and say that cards cannot be edited at all."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Face:
    """A card as it should be now. ``to`` is ``thread``, or the address of a person for a 1:1 message.

    ``mark`` tells whether anything is new; ``turn`` whether it is news that must not wait; ``last`` that no other follows.
    """

    slot: str
    card: Card
    mark: str
    to: str = "thread"
    turn: str = ""
    last: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A card as it stands in Webex. ``room`` is empty where Webex did not name it; then it is asked for."""

    message: str
    room: str
    mark: str
    turn: str
    at: datetime
    edits: int = 0


def face(slot: str, view: object, card: Card, *, to: str = "thread", turn: str = "", last: bool = False) -> Face:  # noqa: PLR0913  what a face is made of
    """A face whose mark follows from the view; the moment of drawing (``at``) is no news."""
    plain = replace(view, at=NEVER) if hasattr(view, "at") else view  # type: ignore[type-var]
    return Face(slot, card, hashlib.sha256(codec.dump(plain)).hexdigest()[:16], to, turn, last)


def show(desk: Desk, run: Run, wanted: Face) -> float:
    """Make Webex show the face; returns the seconds after which to try again, or 0.

    With an outsider in the space, what stands in its thread is held back (:mod:`bot.audience`).

    Raises:
        WebexError: Webex does not answer; nothing is lost, the next draw shows the newest state.
    """
    shown = read(desk, run.id, wanted.slot)
    if (shown is None or shown.mark != wanted.mark) and wanted.to == "thread" and not audience.may_read(desk, run):
        return audience.HELD_S
    if shown is None:
        _post(desk, run, wanted)
        return 0
    if shown.mark == wanted.mark:
        return 0
    news = wanted.last or wanted.turn != shown.turn
    if not news and (wait := (shown.at + QUIET - now()).total_seconds()) > 0:
        return wait
    if shown.edits < EDITS - (0 if wanted.last else 1):
        _edit(desk, run, wanted, shown)
    elif news:
        _post(desk, run, wanted)
    return 0


def read(desk: Desk, run_id: str, slot: str) -> Shown | None:
    """How a card stands in Webex, or None where it was never posted."""
    raw = desk.redis.hget(f"cards:{run_id}", slot)
    return codec.load(raw, Shown) if isinstance(raw, bytes) else None


def forget(desk: Desk, run_id: str, slot: str) -> None:
    """Have the card posted anew, further down, at the next draw."""
    desk.redis.hdel(f"cards:{run_id}", slot)


def _post(desk: Desk, run: Run, wanted: Face) -> None:
    """Post the card where it belongs. The room of a 1:1 message is known by the answer alone."""
    content, text = wanted.card.content, wanted.card.text
    if wanted.to == "thread":
        room = run.place["room"]
        posted = desk.webex.send(room_id=room, text=text, card=content, parent_id=run.place.get("thread"))
    else:
        posted = desk.webex.send(to_email=wanted.to, text=text, card=content)
        room = posted.room_id
    _write(desk, run.id, wanted, posted.id, room, 0)


def _edit(desk: Desk, run: Run, wanted: Face, shown: Shown) -> None:
    try:
        room = shown.room or desk.webex.message(shown.message, fresh=False).room_id
        desk.webex.edit(shown.message, room, wanted.card.text, wanted.card.content)
    except WebexAnswerError as error:
        if error.status not in REFUSALS:
            raise
        log.info("card not editable, posting it anew", run=run.id, slot=wanted.slot, tracking_id=error.tracking_id)
        _post(desk, run, wanted)
        return
    _write(desk, run.id, wanted, shown.message, room, shown.edits + 1)


def _write(desk: Desk, run_id: str, wanted: Face, message: str, room: str, edits: int) -> None:  # noqa: PLR0913, PLR0917  a record's fields
    shown = Shown(message, room, wanted.mark, wanted.turn, now(), edits)
    desk.redis.hset(f"cards:{run_id}", wanted.slot, codec.dump(shown))
