"""Tests of the elements of cards."""

from __future__ import annotations

import pytest

from adaptive_cards.elements import NOTHING, facts, literal, run, value_line


@pytest.mark.parametrize("value", ["", "\u202e", "\x00\x1b"])
def test_no_element_is_without_text(value):
    """An empty or invisible text is replaced by a visible sign.

    Webex refuses a whole card because of one empty text.
    """
    assert [run(value)["text"], literal(value)["text"]] == [NOTHING, NOTHING]
    assert value_line(value)["inlines"][0]["text"] == NOTHING
    assert facts([("Name", value)])["facts"] == [{"title": "Name", "value": NOTHING}]
