"""Tests of the practice page in German: every text has a translation, and commands are German."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from practice.faults import FAULTS, HEALTHY
from practice.page import commands
from tests.fixtures.english import left_in

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
"""Words that are the same in German, names, and glyphs, which need no translation."""
TABLE = re.compile(r'"((?:[^"\\]|\\.)+)": "((?:[^"\\]|\\.)+)"')


def table() -> dict[str, str]:
    """Return the German text for each English one of static/language.js."""
    return dict(TABLE.findall((STATIC / "language.js").read_text("utf-8")))


class _Words(HTMLParser):
    """Parser that collects every text of a page that a person reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the labels, placeholders and titles of a tag."""
        self.found |= {
            value
            for name, value in attrs
            if name in {"aria-label", "placeholder", "title"} and value
        }

    def handle_data(self, data: str) -> None:
        """Keep the text between tags."""
        self.found |= {data.strip()} - {""}


def test_every_word_of_the_page_has_a_translation():
    """Every text of page.html has a German translation.

    Without this test a new label would stay in English.
    """
    words = _Words()
    words.feed((STATIC / "page.html").read_text("utf-8"))
    assert len(words.found) > 30
    assert words.found - table().keys() - SAME == set()


def test_every_translation_is_of_a_text_of_the_page():
    """The table of translations has no text that no part of the page has any more."""
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


def test_every_fault_has_a_german_name():
    """Every fault and every healthy variation has a German name, and nothing else has one.

    In English their own names are used.
    """
    german = commands.faults("de")
    assert german.keys() == {fault.name for fault in (*FAULTS, *HEALTHY)}
    assert left_in(german.values()) == []
    assert commands.faults("en") == {}


@pytest.mark.parametrize(("language", "name"), [("de", "prüfen"), ("en", "check")])
def test_the_commands_are_offered_in_the_language(language, name):
    """The commands are offered in the person's language, with the name that help shows.

    The words for the effect of a command are in that language as well.
    """
    offered = {each["name"]: each["words"] for each in commands.known(language)}
    assert name in offered
    assert ("E-Mails" in offered[name]) is (language == "de")
    assert len(offered) == len(commands.known())
