"""Adaptive cards: pure functions that turn data into a card, and the texts."""

from adaptive_cards.card import Card
from adaptive_cards.cards.notice import notice

__all__ = ["Card", "notice"]
