"""Adaptive cards: pure functions that turn data (``views``) into a card, and the texts."""

from __future__ import annotations

from adaptive_cards.card import Card
from adaptive_cards.cards.channels import channels, watch_list
from adaptive_cards.cards.connect_form import connect_form
from adaptive_cards.cards.notice import (
    command_help,
    explanation,
    help_card,
    notice,
    offer,
    tac,
    tac_file,
    typed_wrong,
)
from adaptive_cards.cards.plan import plan

__all__ = [
    "Card", "channels", "command_help", "connect_form", "explanation", "help_card",
    "notice", "offer", "plan", "tac", "tac_file", "typed_wrong",
    "watch_list",
]  # fmt: skip
