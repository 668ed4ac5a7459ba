"""The practice page in German: each word of its own has a translation, and the commands are German."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from practice.page import commands

STATIC = Path(commands.__file__).with_name("static")
SAME = {
    "Agent",
    "Chat",
    "Clouds",
    "Webex",
    "Webex Connect",
    "live",
    "@Email Bot",
    "◆",
    "→",
    "○",
    "▲",
}
"""Words that German has, too, names, and glyphs."""
TABLE = re.compile(r'"((?:[^"\\]|\\.)+)": "((?:[^"\\]|\\.)+)"')


def table() -> dict[str, str]:
    """Return the German text for each English one of static/language.js."""
    return dict(TABLE.findall((STATIC / "language.js").read_text("utf-8")))


class _Words(HTMLParser):
    """Everything in the page that a person reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the labels."""
        self.found |= {
            value
            for name, value in attrs
            if name in {"aria-label", "placeholder", "title"} and value
        }

    def handle_data(self, data: str) -> None:
        """Keep the texts."""
        self.found |= {data.strip()} - {""}


def test_every_word_of_the_page_has_a_translation():
    """A new label in page.html would be left in English otherwise."""
    words = _Words()
    words.feed((STATIC / "page.html").read_text("utf-8"))
    assert len(words.found) > 30
    assert words.found - table().keys() - SAME == set()


def test_every_stop_of_the_tour_has_a_translation():
    """Its head and its words."""
    stops = re.findall(
        r'^  \["([^"]+)", "([^"]+)", "\w+"\],$',
        (STATIC / "tour.js").read_text("utf-8"),
        re.MULTILINE,
    )
    assert len(stops) == 5
    assert {text for stop in stops for text in stop} - table().keys() == set()


def test_every_translation_is_of_a_text_of_the_page():
    """A text that no part of the page has any more is removed from the table, too."""
    page = "".join(
        path.read_text("utf-8")
        for path in [*STATIC.glob("*"), *STATIC.parent.glob("*.py")]
        if path.name != "language.js"
    )
    persons = {
        f"You: {each}"
        for each in ("requester", "administrator", "mailbox user", "agent", "outsider")
    }
    assert {
        english for english in table() if english.strip(" :") not in page and english not in persons
    } == set()


@pytest.mark.parametrize(("language", "name"), [("de", "prüfen"), ("en", "check")])
def test_the_commands_are_offered_in_the_language(language: str, name: str):
    """With the name that help shows, and what the command does."""
    offered = {each["name"]: each["words"] for each in commands.known(language)}
    assert name in offered
    assert ("E-Mails" in offered[name]) is (language == "de")
    assert len(offered) == len(commands.known())
