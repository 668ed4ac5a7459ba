"""A page on which nothing is left to do leads back to Webex, and is named like the bot there."""

from __future__ import annotations

from tests.unit.bot.web.journey import path

LINK = 'href="webexteams://im?email=emailbot@webex.bot"'


def test_a_page_at_the_end_leads_to_the_bot_in_webex(services, browser):
    """The link opens the 1:1 conversation with the bot, and the page has its account's name."""
    assert services.me.display_name == "Email Bot"
    page = browser.get("/signin/nothing").text
    assert (LINK in page, "Back to Webex" in page, ">Email Bot<" in page) == (True, True, True)


def test_a_page_with_a_button_has_only_that(services, browser, begin):
    """The page before a sign-in has one button, and no link to Webex."""
    assert services.me.display_name == "Email Bot"
    page = browser.get(path(services, begin())).text
    assert ("<form" in page, "webexteams:" in page) == (True, False)


def test_a_bot_whose_account_was_never_read_has_no_link(browser):
    """A page has no link to Webex if the bot's account was never read.

    Webex is not asked for a page, so the page is there while Webex is away.
    """
    page = browser.get("/signin/nothing")
    assert page.status_code == 404
    assert "webexteams:" not in page.text
    assert "Email bot" in page.text
