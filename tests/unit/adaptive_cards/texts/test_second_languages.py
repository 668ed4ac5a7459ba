"""Texts of another language: the same keys and values as the English file of the same name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from adaptive_cards import locale

FILES = sorted(path for path in locale.FOLDER.glob("*/*.toml") if path.parent.name != locale.SOURCE)
PLACEHOLDER = re.compile(r"\{\w+\}")
BUTTON_MOST = 31
NOT_TRANSLATED = re.compile(r"\b(the|and|with|from|your|this)\b")
NAMES = ("Error and Warnings", "I would like to explicitly review before providing consent")
"""Titles of Webex Connect, whose interface is English."""


def flat(prefix: str, table: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield every text with its whole key."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", str(value)


def texts(path: Path) -> dict[str, str]:
    """Return every text of a file by its key."""
    return dict(flat("", tomllib.loads(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_has_the_keys_and_values_of_the_english_one(path: Path):
    """Nothing is missing, nothing is left over, and every text has the same values to fill in."""
    english, other = texts(locale.FOLDER / locale.SOURCE / path.name), texts(path)
    own = {key for key in other if key.startswith("typed_as.")}  # further names of commands
    assert sorted(other.keys() - own) == sorted(english)
    assert {
        key: told
        for key, told in other.items()
        if key not in own
        and sorted(PLACEHOLDER.findall(told)) != sorted(PLACEHOLDER.findall(english[key]))
    } == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_sentence_is_left_in_english(path: Path):
    """No text contains common English words, except the titles of Webex Connect's interface."""
    left = {}
    for key, told in texts(path).items():
        shown = told
        for name in NAMES:
            shown = shown.replace(name, "")
        if NOT_TRANSLATED.search(shown):
            left[key] = told
    assert left == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_titles_of_a_fix_fit_a_phone(path: Path):
    """A button has at most 31 characters, as in English (sketches, "What Webex forced")."""
    assert {
        key: told
        for key, told in texts(path).items()
        if key.startswith("fix.") and len(told) > BUTTON_MOST
    } == {}
