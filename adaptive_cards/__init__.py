"""Adaptive cards: pure functions that turn data (``views``) into a card, and the texts."""

from __future__ import annotations

from adaptive_cards.card import Card
from adaptive_cards.cards.channels import audit, channels, status, watch_list
from adaptive_cards.cards.notice import (
    command_help,
    help_card,
    notice,
    offer,
    tac,
    tac_file,
    typed_wrong,
)
from adaptive_cards.cards.search import search
from adaptive_cards.cards.verdict import verdict

__all__ = [
    "Card", "audit", "channels", "command_help", "help_card",
    "notice", "offer", "search", "status", "tac", "tac_file", "typed_wrong",
    "verdict", "watch_list",
]  # fmt: skip
