"""Tests of the contents of the audit trail's card in each state."""

from __future__ import annotations

from adaptive_cards.texts import has_text
from jobs.runs.event_log import NOT_RECORDED
from jobs.runs.run import Kind


def test_every_kind_of_event_has_its_words():
    """Every recorded kind of event has a text, so it is never shown by its code name."""
    assert [
        kind for kind in Kind if kind not in NOT_RECORDED and not has_text(f"audit.what.{kind}")
    ] == []
