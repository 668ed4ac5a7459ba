"""Tests that the fast check of a card's schema agrees with jsonschema itself.

The cards are good ones and bad ones.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from practice.shared import ABSENT, CARDS
from practice.webex import card_schema, cards

pytestmark = pytest.mark.skipif(not CARDS.exists(), reason=ABSENT)

WRONG: tuple[Any, ...] = (None, 17, "nonsense", [], {}, {"type": "Nothing"})
WHOLE: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [
        {"type": "TextBlock", "text": "Hello", "wrap": True, "weight": "Bolder"},
        {
            "type": "ColumnSet",
            "columns": [
                {
                    "type": "Column",
                    "width": "auto",
                    "items": [{"type": "FactSet", "facts": [{"title": "a", "value": "b"}]}],
                }
            ],
        },
        {
            "type": "Container",
            "style": "emphasis",
            "items": [
                {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "x"}, "y"]},
                {"type": "Input.ChoiceSet", "id": "c", "choices": [{"title": "A", "value": "a"}]},
                {
                    "type": "Image",
                    "url": "https://example.test/a.png",
                    "selectAction": {"type": "Action.OpenUrl", "url": "https://example.test"},
                },
            ],
        },
    ],
    "actions": [
        {"type": "Action.Submit", "title": "Go", "data": {"do": "go"}},
        {
            "type": "Action.ShowCard",
            "title": "More",
            "card": {
                "type": "AdaptiveCard",
                "body": [{"type": "Input.Text", "id": "t", "isMultiline": True}],
            },
        },
    ],
}


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything in the card."""
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return the card with another value at one place."""
    card = node = copy.deepcopy(WHOLE)
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return card


def test_both_say_the_same_of_every_place():
    """The fast check and jsonschema agree on a card with a wrong value at any place.

    They agree on an unknown property as well, and some of these cards are valid.
    """
    tried = [
        changed(path, value)
        for path, value in zip(places(WHOLE), itertools.cycle(WRONG), strict=False)
    ]
    tried += [changed((*path[:-1], "unknown"), 1) for path in places(WHOLE) if path[-1] == "type"]
    said = [
        (card_schema.quick().is_valid(each), card_schema.full().is_valid(each)) for each in tried
    ]
    assert [tried[n] for n, (quick, full) in enumerate(said) if quick != full] == []
    assert {full for _, full in said} == {True, False}


def test_a_good_card_has_no_error():
    """Both checks accept the good card from which the bad ones are made."""
    assert (card_schema.errors(WHOLE), card_schema.full().is_valid(WHOLE)) == ([], True)
    assert cards.faults(WHOLE) == []


def test_a_bad_card_is_explained_by_jsonschema():
    """The error of a bad card names the place and the value.

    jsonschema finds them, because the fast check answers only yes or no.
    """
    card = changed(("body", 0, "weight"), "Heavy")
    assert cards.faults(card) == [card_schema.worst(card)]
    assert card_schema.worst(card).startswith("at body/0")
