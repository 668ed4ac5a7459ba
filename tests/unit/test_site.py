"""Tests of the documentation site: its pages, menu and links.

They do not need the packages that draw the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest
import yaml

from practice.page import moving_picture
from tests.fixtures.parsed import tool

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#[^)\s]*)?\)")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
OTHER_LANGUAGE = re.compile(r'<a href="([^"]+)">')


SITE = tool("site")
PLACES = sorted(SITE.pages())


def _menu(entry: object) -> list[str]:
    """Return the pages of the menu, with those of its sections."""
    if isinstance(entry, dict):
        entry = list(entry.values())
    return [entry] if isinstance(entry, str) else [page for each in entry for page in _menu(each)]


def test_every_page_has_a_place_in_the_menu():
    """The menu of the site has each English page once, and nothing else."""
    lines = (ROOT / "tools/mkdocs.yml").read_text("utf-8").replace("!!python/name:", "")
    menu = _menu(yaml.safe_load(lines)["nav"])
    assert sorted(menu) == [place for place in PLACES if not place.endswith(".de.md")]


@pytest.mark.parametrize("place", PLACES)
def test_every_link_leads_to_a_page_or_a_picture(place: str):
    """Every link of the site leads to a page or a picture of the site.

    A link to another file of the project becomes plain text, because the site does not have the
    file.
    """
    there = {*SITE.pages(), *SITE.files()}
    page = FENCE.sub("", SITE.written(place))
    found = {
        posixpath.normpath(posixpath.join(posixpath.dirname(place), link))
        for link in LINK.findall(page)
        if link
    }
    assert found - there == set()


def test_a_page_leads_to_its_other_language():
    """A page has a link to the same page in the other language.

    The link is relative to the built page.
    """
    english, german = (SITE.written(place) for place in ("glossary.md", "glossary.de.md"))
    assert OTHER_LANGUAGE.findall(english)[0] == "../de/glossary/"
    assert OTHER_LANGUAGE.findall(german)[0] == "../../glossary/"


def test_a_list_is_indented_as_the_site_reads_it():
    """A paragraph inside a list's item is indented with four spaces for each level.

    The next item after it is an item again.
    """
    page = "1. one\n\n   more\n2. two\n   - inside\n     goes on\n\nafter"
    assert SITE.indented(page).split("\n") == [
        *("1. one", "", "    more", "", "2. two"),
        *("    - inside", "        goes on", "", "after"),
    ]


def test_a_picture_has_a_light_and_a_dark_form(monkeypatch: pytest.MonkeyPatch):
    """If a picture has a light and a dark form, the site shows the one of the reader's theme."""
    files = {
        f"pictures/cards-en-{theme}.webp": f"docs/pictures/cards-en-{theme}.webp"
        for theme in ("light", "dark")
    }
    monkeypatch.setattr(SITE, "files", lambda: files)
    monkeypatch.setattr(
        SITE.Path, "read_text", lambda *_, **__: "![Cards](pictures/cards-en-light.webp)"
    )
    assert SITE.written("practice.md") == (
        "![Cards](pictures/cards-en-light.webp){ .only-light }"
        "![Cards](pictures/cards-en-dark.webp){ .only-dark }"
    )


def test_the_moving_picture_is_short_and_small():
    """README's animated picture lasts about 20 seconds and is smaller than 2 MB."""
    file = ROOT / "docs" / "pictures" / "story.webp"
    movie = moving_picture.read(file.read_bytes())
    assert 15 <= movie.seconds <= 25
    assert movie.frames > 10
    assert file.stat().st_size < 2_000_000
