"""Adaptive cards: pure functions that turn data into a card, and the texts."""

from __future__ import annotations

from adaptive_cards.card import Card
from adaptive_cards.cards.connect_form import connect_form
from adaptive_cards.cards.notice import notice
from adaptive_cards.cards.plan import plan

__all__ = ["Card", "connect_form", "notice", "plan"]
