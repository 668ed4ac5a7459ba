"""Adaptive cards: pure functions that turn data into a card, and the texts."""

from adaptive_cards.answers import notice
from adaptive_cards.components import Card, finished

__all__ = ["Card", "finished", "notice"]
