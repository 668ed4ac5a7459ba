"""Tests of numbers on cards: separators follow the language, and shares are rounded down."""

from __future__ import annotations

import pytest

from adaptive_cards.locale import Locale, drawn_for, number, percent


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100%"), (0.999_99, "99.99%"), (0.9987, "99.87%"), (0.5, "50%"), (0.0, "0%")],
)
def test_a_share_is_rounded_down(share, shown):
    """A share is rounded down.

    So a channel that was broken for a minute is never shown with 100%.
    """
    assert percent(share) == shown


def test_both_follow_the_language():
    """Percentages and numbers have the separators of the language.

    In German the comma and the point change places.
    """
    with drawn_for(Locale("de")):
        assert (percent(0.9987), number(12480)) == ("99,87\u00a0%", "12.480")
    assert number(12480) == "12,480"
