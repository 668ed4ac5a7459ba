"""The page of a channel's history behind its one-time link, and the file to download."""

import csv
import io
from urllib.parse import urlsplit

import pytest

from bot import links
from tests.unit.bot.watched import MAILBOX, watch, with_incident
from tests.unit.bot.web.journey import end_link, form_of

FILE = "history.csv"


@pytest.fixture
def address(services) -> str:
    """The path of a link to the history of a channel that was broken once."""
    with_incident(services)
    return urlsplit(links.one_time(services, "history", MAILBOX).url).path


def press(browser, address: str) -> int:
    """Open the link's first page and press its button; return the status."""
    return browser.post(address, data=form_of(browser.get(address))).status_code


def test_looking_uses_nothing_up(browser, another, address):
    """Opening the link uses nothing up and shows a button, but no figure of the channel.

    So previews and scanners do no harm.
    """
    pages = [browser.get(address), browser.head(address), another.get(address)]
    assert [page.status_code for page in pages] == [200] * 3
    assert not any("<svg" in page.text for page in pages)
    assert press(browser, address) == 303


def test_the_page_has_the_chart_and_every_incident(browser, address):
    """The history page has the chart, and every incident with its verdict.

    The chart has a title and a description for screen readers. The page is in German, if the
    browser asks for German.
    """
    assert press(browser, address) == 303
    page = browser.get(address)
    assert (page.status_code, page.text.count('<rect class="mails"')) == (200, 90)
    assert page.text.count('<section class="incident broken">') == 1
    chart = 'role="img" aria-labelledby="chart-title chart-desc"'
    for shown in (chart, "Broken: 1.", "Mails in all: 12", "not by the bot"):
        assert shown in page.text
    assert "style=" not in page.text
    page = browser.get(address, headers={"Accept-Language": "de"}).text
    assert ('lang="de"' in page, "Alle Störungen" in page) == (True, True)


def test_the_link_works_in_one_browser(browser, another, address):
    """A link works in the browser that opened it, which may reload the page.

    Another browser is told how to get a link of its own. If it has the page open, its press is
    refused although its form is good.
    """
    form = form_of(another.get(address))
    assert press(browser, address) == 303
    assert browser.get(address).text.count("<svg") == 1
    refused = another.get(address)
    assert (refused.status_code, "<svg" in refused.text) == (410, False)
    assert f"/history {MAILBOX}" in refused.text
    assert press(another, address) == 403
    assert another.post(address, data=form).status_code == 410


def test_another_site_cannot_press(browser, address):
    """A press from another site, without the form's token, opens nothing and uses nothing up."""
    browser.get(address)
    assert browser.post(address, data={"form": "0" * 64}).status_code == 403
    assert press(browser, address) == 303


@pytest.mark.parametrize("opened", [False, True])
def test_the_link_ends(services, browser, address, opened):
    """A link that has ended shows nothing, whether or not somebody has opened it."""
    if opened:
        assert press(browser, address) == 303
    end_link(services)
    page = browser.get(address)
    assert (page.status_code, "<svg" in page.text) == (410, False)
    assert browser.get(f"{address}/{FILE}").status_code == 404


def test_the_file_is_for_the_browser_that_opened_the_link(browser, another, address):
    """The history's file is a download for the browser that opened the link.

    Before the press, and in another browser, there is none.
    """
    assert browser.get(f"{address}/{FILE}").status_code == 404
    press(browser, address)
    file = browser.get(f"{address}/{FILE}")
    assert file.status_code == 200
    assert file.headers["Content-Disposition"].partition(";")[0] == "attachment"
    assert another.get(f"{address}/{FILE}").status_code == 404


def test_the_file_says_the_same(browser, address):
    """The file says the same as the page: ninety days, twelve mails, and one broken day."""
    press(browser, address)
    lines = list(csv.DictReader(io.StringIO(browser.get(f"{address}/{FILE}").text)))
    assert (len(lines), sum(int(each["mails"] or 0) for each in lines)) == (90, 12)
    told = {(each["state"] == "broken", each["broken_s"], each["causes"]) for each in lines}
    assert {row for row in told if row[0] or row[2]} == {(True, "7200", "not_forwarded")}


def test_an_address_is_no_markup(services, browser):
    """A mailbox address with markup is shown as text.

    Nothing that came from outside is drawn as HTML.
    """
    mailbox = "<b>x</b>@contoso.com"
    watch(services, mailbox)
    address = urlsplit(links.one_time(services, "history", mailbox).url).path
    press(browser, address)
    page = browser.get(address).text
    assert ("<b>x" in page, "&lt;b&gt;x" in page) == (False, True)


def test_a_channel_without_a_history_has_an_empty_page(services, browser):
    """The page of a channel without a history says that there was no look and no incident."""
    address = urlsplit(links.one_time(services, "history", MAILBOX).url).path
    press(browser, address)
    page = browser.get(address).text
    assert "No incident was seen in these 90 days." in page
    assert "Nobody has looked at this channel" in page
