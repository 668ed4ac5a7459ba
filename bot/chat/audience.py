"""Who reads along: a card is drawn later than it was asked for, and somebody of another organisation may have joined meanwhile.

Then its cards in the space stay as they are, and those in 1:1 messages go on. A space that was looked at a moment ago is not looked
at again, unless somebody has joined since (Webex tells the bot).
"""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from bot.chat.permissions import Gate
from bot.services import Desk
from jobs.clock import now
from jobs.model import Words
from jobs.runs.run import Run

LOOKED_AT_S = 30
TOLD_S = 3600
HELD_S = 60.0
"""After how many seconds a card that was held back is tried again."""


def may_read(desk: Desk, run: Run) -> bool:
    """Whether everybody in the run's space may read of the channel; if not, the space is told once an hour."""
    room = run.place.get("room", "")
    if run.place.get("type") == "direct" or desk.redis.exists(_key(room)):
        return True
    if Gate(desk.bot, desk.webex).outsiders(desk.webex.members(room), desk.me.id):
        _tell(desk, run, room)
        return False
    looked_at(desk, room)
    return True


def looked_at(desk: Desk, room: str) -> None:
    """Nobody in the space is an outsider now."""
    desk.redis.set(_key(room), "1", ex=LOOKED_AT_S)


def changed(desk: Desk, room: str) -> None:
    """Somebody has joined the space."""
    desk.redis.delete(_key(room))


def _tell(desk: Desk, run: Run, room: str) -> None:
    if desk.redis.set(f"space:{room}:told", "1", nx=True, ex=TOLD_S):
        kicker, title, words = (Words(f"notice.held_{part}") for part in ("kicker", "title", "words"))
        card = notice(NoticeView(kicker, title, words, glyph="✗", at=now()))
        desk.webex.send(room_id=room, text=card.text, card=card.content, parent_id=run.place.get("thread"))


def _key(room: str) -> str:
    return f"space:{room}:ours"
