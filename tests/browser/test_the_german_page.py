"""Practice page in a German browser, and a German conversation on it."""

from __future__ import annotations

from typing import Any

import pytest

from practice.page.drivers import PATIENCE_MS

SEEN = (
    "Übungsraum",
    "Nichts hier erreicht einen echten Mandanten.",
    "Sie sind",
    "Der Weg der E-Mail",
    "Noch wurde keine E-Mail gesendet.",
    "Als Kunde eine E-Mail senden",
    "Fehler",
    "Abstürze",
    "Tour, 1 von 5. Einen Kanal anfordern.",
)


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_a_german_browser_gets_a_german_page(visit: Any, axe: Any, picture: Any, width: int):
    """The page is German for eyes and for a screen reader, and as usable as the English one."""
    visitor = visit(width=width, height=844, language="de-DE")
    page = visitor.page
    assert page.locator("html").get_attribute("lang") == "de"
    shown = page.evaluate("document.body.textContent")
    assert [each for each in SEEN if each not in shown] == []
    assert page.get_by_placeholder("/ eingeben für die Befehle").count() == 1
    picture(page, f"german-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(page) == []


def test_the_address_chooses_before_the_browser(visit: Any):
    """The address decides the language before the browser does.

    The page is English with ``?lang=en`` in a German browser, and German with ``?lang=de`` in an
    English one.
    """
    for language, chosen, title in (
        ("de-DE", "en", "Practice space"),
        ("en-US", "de", "Übungsraum"),
    ):
        visitor = visit(language=language)
        visitor.page.goto(f"{visitor.page.url.split('?')[0]}?lang={chosen}")
        visitor.page.locator("h1", has_text=title).wait_for(timeout=PATIENCE_MS)
        assert visitor.page.locator("html").get_attribute("lang") == chosen
