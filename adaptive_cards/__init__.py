"""Adaptive cards: pure functions that turn data (``views``) into a card, and the texts."""

from __future__ import annotations

from adaptive_cards.card import Card
from adaptive_cards.cards.audit import audit
from adaptive_cards.cards.channels import channels, status
from adaptive_cards.cards.connect_form import connect_form
from adaptive_cards.cards.discovery import discovery
from adaptive_cards.cards.done import done, undone
from adaptive_cards.cards.explanation import explanation
from adaptive_cards.cards.help import command_help, help_card
from adaptive_cards.cards.history import history
from adaptive_cards.cards.intake import delegate, intake
from adaptive_cards.cards.notice import notice
from adaptive_cards.cards.offer import offer, typed_wrong
from adaptive_cards.cards.plan import plan
from adaptive_cards.cards.progress import progress
from adaptive_cards.cards.rehearsal import rehearsal
from adaptive_cards.cards.search import search
from adaptive_cards.cards.sign_in import consent, signin
from adaptive_cards.cards.tac import tac, tac_file
from adaptive_cards.cards.test_mail import test_mail
from adaptive_cards.cards.verdict.card import verdict
from adaptive_cards.cards.watch import incident, watch_list

__all__ = [
    "Card",
    "audit",
    "channels",
    "command_help",
    "connect_form",
    "consent",
    "delegate",
    "discovery",
    "done",
    "explanation",
    "help_card",
    "history",
    "incident",
    "intake",
    "notice",
    "offer",
    "plan",
    "progress",
    "rehearsal",
    "report",
    "search",
    "signin",
    "status",
    "tac",
    "tac_file",
    "test_mail",
    "typed_wrong",
    "undone",
    "verdict",
    "watch_list",
]
