"""Who reads along: a card is drawn later than it was asked for, and somebody of another organisation may have joined meanwhile.

Then its cards in the space stay as they are, and those in 1:1 messages go on. A space that was looked at a moment ago is not looked
at again, unless somebody has joined since (Webex tells the bot).
"""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from bot.chat.permissions import AccessPolicy
from bot.services import Services
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Run
from jobs.storage import keys

CHECKED_FOR_S = 30
TOLD_S = 3600
HELD_S = 60.0
"""After how many seconds a card that was held back is tried again."""


def may_read(services: Services, run: Run) -> bool:
    """Whether everybody in the run's space may read of the channel; if not, the space is told once an hour."""
    room = run.origin.room
    if run.origin.direct or services.redis.exists(keys.space_members_checked(room)):
        return True
    if AccessPolicy(services.bot, services.webex).external_members(services.webex.members(room), services.me.id):
        _tell(services, run, room)
        return False
    mark_members_checked(services, room)
    return True


def mark_members_checked(services: Services, room: str) -> None:
    """Nobody in the space is an outsider now."""
    services.redis.set(keys.space_members_checked(room), "1", ex=CHECKED_FOR_S)


def members_changed(services: Services, room: str) -> None:
    """Somebody has joined the space."""
    services.redis.delete(keys.space_members_checked(room))


def _tell(services: Services, run: Run, room: str) -> None:
    if services.redis.set(keys.space_hold_announced(room), "1", nx=True, ex=TOLD_S):
        kicker, title, words = (Text(f"notice.held_{part}") for part in ("kicker", "title", "words"))
        card = notice(NoticeView(kicker, title, words, glyph="✗", at=now()))
        services.messenger.send(room_id=room, text=card.text, card=card.content, parent_id=run.origin.thread)
