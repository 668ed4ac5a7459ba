"""Words of the examples, taken from the catalog if it has them, in the language that is drawn."""

from functools import cache

from adaptive_cards.locale import SOURCE
from adaptive_cards.texts import keys, own_text
from jobs.model import Text, verbatim

FIRST = ("step.", "line.", "seen.", "expected.", "after.", "note.", "skipped.", "cause.")
"""Families of texts that are preferred if several texts are alike."""


def told(english: str) -> Text:
    """Return the catalog's text with these English words, or the words if there is none."""
    key = _by_words().get(english, "")
    return Text(key) if key else verbatim(english)


def said(words: str | dict[str, str]) -> Text:
    """Return a text of a table, which holds its words, or its name and its values."""
    if isinstance(words, str):
        return told(words)
    values = dict(words)
    return Text(values.pop("text"), values)


@cache
def _by_words() -> dict[str, str]:
    """Return the key of each English text that has no values."""
    ordered = sorted(keys(), key=lambda key: (not key.startswith(FIRST), key), reverse=True)
    return {own_text(key, SOURCE): key for key in ordered if "{" not in own_text(key, SOURCE)}
