"""The bot's pages are in the language that the browser asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.web import pages, sign_in
from tests.fixtures.site import create_app
from tests.unit.bot.web.journey import path


@pytest.fixture
def open_site(services) -> Callable[..., FlaskClient]:
    """Return a function that opens a browser at the bot's pages, as the whole site serves them."""

    def opened(language: str = "en", zone: str = "UTC") -> FlaskClient:
        bot = replace(services.bot, default_language=language, default_timezone=zone)
        app = create_app(bot, services.redis, [sign_in.pages, pages.assets])
        app.config["SERVICES"] = replace(services, bot=bot)
        app.before_request(pages.use_browsers_language)
        return app.test_client()

    return opened


@pytest.mark.parametrize(
    ("usual", "wanted", "shown"),
    [
        ("en", "de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en", "fr-FR,fr;q=0.9,de;q=0.5,en;q=0.3", "de"),
        ("de", "en-US,en;q=0.9,de;q=0.8", "en"),
        ("de", "fr", "de"),
        ("de", None, "de"),
        ("en", "not a language;q=x", "en"),
    ],
)
def test_a_page_follows_the_browser(open_site, services, begin, usual, wanted, shown):
    """A page is in the browser's language, or else in the language of the settings.

    The page names its language for screen readers.
    """
    headers = {} if wanted is None else {"Accept-Language": wanted}
    page = open_site(usual).get(path(services, begin()), headers=headers)
    with drawn_for(Locale(shown)):
        title, button = text("page.signin_title"), text("page.signin_button")
    assert (page.status_code, f'<html lang="{shown}">' in page.text) == (200, True)
    assert (f"<h1>{title}</h1>" in page.text, f">{button}</button>" in page.text) == (True, True)


def test_the_next_request_chooses_again(open_site, services, begin):
    """A thread that served a German page serves the next one in English."""
    browser, address = open_site(), path(services, begin())
    languages = ["de", "en", "de"]
    served = [browser.get(address, headers={"Accept-Language": each}) for each in languages]
    assert [
        f'<html lang="{each}">' in page.text for each, page in zip(languages, served, strict=True)
    ] == [True, True, True]


def test_an_unknown_link_is_german_too(open_site):
    """The page about an unknown link is in German, too, if the browser asks for German."""
    page = open_site().get("/signin/none", headers={"Accept-Language": "de"})
    with drawn_for(Locale("de")):
        assert text("page.unknown_title") in page.text
