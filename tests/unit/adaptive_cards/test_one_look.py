"""Tests that short and long cards look the same: whose turn it is, and what is proven."""

from __future__ import annotations

import re

import pytest

from adaptive_cards.components import kicker_of
from adaptive_cards.escape import WORD_JOINER, fact
from adaptive_cards.texts import text
from jobs.model import Text
from practice import cardtext

TURN = text("turn.of", who=text("turn.approver"))


@pytest.mark.parametrize(
    ("right", "columns"), [("24 Nov 10:42 UTC", 2), ("24. Nov. 11:42 MEZ (10:42 UTC)", 1)]
)
def test_a_long_time_is_below_the_subject_of_a_kicker(right, columns):
    """In the top line of a card, a long time is below the subject and not next to it.

    Next to it, a phone would have no room for the subject's words.
    """
    kicker = kicker_of(Text("audit.kicker"), right)
    assert len(kicker["columns"]) == columns
    assert right in " ".join(cardtext.lines({"type": "AdaptiveCard", "body": [kicker]}))


def test_a_date_at_the_beginning_of_a_fact_keeps_its_day():
    """A date at the beginning of a fact keeps its day, because the card prevents a Markdown list.

    In Markdown, ``27.`` at the beginning of a line is a list's number, which a client may hide.
    """
    shown = fact("27. Nov. 04:15 MEZ")
    assert shown.replace(WORD_JOINER, "") == "27. Nov. 04:15 MEZ"
    assert not re.match(r"\d+[.)]\s", shown)
