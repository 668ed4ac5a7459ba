"""Check for outsiders in a space before a card is posted there.

A card is drawn later than it was requested, and a person from another organization may have joined
in the meantime. The run's cards in the space then stay as they are, and those in 1:1 messages
continue. A space that was checked a moment ago is not checked again, unless a person has joined
since (Webex notifies the bot).
"""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import drawn_for
from bot.chat.permissions import AccessPolicy
from bot.chat.preferences import THREAD, locale_of_card
from bot.services import Services
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Run
from jobs.storage import keys

CHECKED_FOR_S = 30
TOLD_S = 3600
HELD_S = 60.0
"""Seconds until the bot tries again to post a card that it held back."""


def may_read(services: Services, run: Run) -> bool:
    """Return whether everybody in the run's space may read about the channel.

    If not, the bot says so in the space, at most once an hour.
    """
    room = run.origin.room
    if run.origin.direct or services.redis.exists(keys.space_members_checked(room)):
        return True
    if AccessPolicy(services.bot, services.webex).external_members(
        services.webex.members(room), services.me.id
    ):
        _tell(services, run, room)
        return False
    mark_members_checked(services, room)
    return True


def mark_members_checked(services: Services, room: str) -> None:
    """Record that no member of the space is an outsider at present."""
    services.redis.set(keys.space_members_checked(room), "1", ex=CHECKED_FOR_S)


def members_changed(services: Services, room: str) -> None:
    """Discard the result of the last check, because a person has joined the space."""
    services.redis.delete(keys.space_members_checked(room))


def _tell(services: Services, run: Run, room: str) -> None:
    if services.redis.set(keys.space_hold_announced(room), "1", nx=True, ex=TOLD_S):
        kicker, title, words = (
            Text(f"notice.held_{part}") for part in ("kicker", "title", "words")
        )
        with drawn_for(locale_of_card(services, run, THREAD)):
            card = notice(NoticeView(kicker, title, words, glyph="✗", at=now()))
        services.messenger.send(
            room_id=room, text=card.text, card=card.content, parent_id=run.origin.thread
        )
