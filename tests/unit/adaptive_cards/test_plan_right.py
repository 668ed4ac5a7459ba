"""Test that a plan names a few settings that are already right, and counts many."""

from __future__ import annotations

import pytest

import adaptive_cards as cards
from adaptive_cards.cards.plan import PlanView
from jobs.model import Text, verbatim
from practice import cardtext
from tests.unit.adaptive_cards.examples import CHANGES, header

SEVENTEEN = tuple(verbatim(f"E{number} setting, number {number}") for number in range(17))


@pytest.mark.parametrize(
    ("right", "told", "named"),
    [
        (SEVENTEEN[:2], "Already right: E0 setting", True),
        (SEVENTEEN, "17 settings are already right", False),
    ],
)
def test_what_is_right_already(right: tuple[Text, ...], told: str, *, named: bool):
    """A plan names two settings that are already right, and only counts seventeen of them.

    Seventeen names would bury the one change.
    """
    card = cards.plan(PlanView(header(3), "p1", "admin@contoso.com", CHANGES[:1], right))
    said = "\n".join(cardtext.lines(card.content))
    assert (told in said, "E1 setting" in said) == (True, named)
