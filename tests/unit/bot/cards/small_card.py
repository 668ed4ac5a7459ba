"""A small card, for the tests of delivery."""

from __future__ import annotations

from typing import Any

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from bot.cards.presenters.card_state import DesiredCard, desired_card
from jobs.clock import now
from jobs.model import verbatim


def card(text: str, **more: Any) -> DesiredCard:
    """A small card."""
    view = NoticeView(verbatim("k"), verbatim(text), verbatim("w"), at=now())
    return desired_card("plan", view, notice(view), **more)
