"""Presenter of the cards of a canceled or failed run; none of them still asks for anything."""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.glyphs import SKIPPED
from bot.cards.presenters._common import direct_slots
from bot.cards.presenters.card_state import DesiredCard, desired_card, posted_card
from bot.services import Services
from jobs.model import Text
from jobs.next_action import ENDED
from jobs.runs.run import Kind, Run

ASKING = ("signin", "consent", "connect", "rehearsal", "mail")
ANSWERED = frozenset({"signed in", "granted"})
"""Urgency values of cards that no longer ask for anything."""


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return a closing version of each card that still asks for something.

    A card that was never shown is not shown now.
    """
    if run.ended not in {Kind.CANCELLED, Kind.FAILED}:
        return []
    return [
        _ended_card(run, slot, to) for slot, to in _slots(run) if _still_asks(services, run, slot)
    ]


def _still_asks(services: Services, run: Run, slot: str) -> bool:
    """Return whether Webex shows the card, and it was not answered."""
    shown = posted_card(services, run.id, slot)
    return shown is not None and shown.urgency not in ANSWERED


def _slots(run: Run) -> list[tuple[str, str]]:
    """Return the slots of these cards and the destination of each."""
    asked = (run.answer("administrator"), run.answer("consent_administrator"))
    own = [(slot, run.requester.email if slot == "connect" else "thread") for slot in ASKING]
    return [*own, *direct_slots("signin", *asked), *direct_slots("consent", *asked)]


def _ended_card(run: Run, slot: str, to: str) -> DesiredCard:
    view = NoticeView(
        kicker=Text("notice.over_kicker", {"mailbox": run.channel.mailbox}),
        title=Text(f"notice.over_{ENDED[run.ended]}", {"run": run.id}),
        words=Text("notice.over_words"),
        glyph=SKIPPED.glyph,
    )
    return desired_card(slot, view, notice(view), to=to, urgency="over", final=True, retires=True)
