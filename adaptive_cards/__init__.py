"""Adaptive cards: pure functions that turn data into a card, and the texts."""

from adaptive_cards.card import Card, finished
from adaptive_cards.cards.notice import NoticeView, notice

__all__ = ["Card", "NoticeView", "finished", "notice"]
