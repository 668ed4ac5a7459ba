"""Page of a channel's history in a real browser: in both themes, from 320 px to 1280 px."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot import links
from bot.web import history_page
from bot.web.pages import assets
from jobs.clock import now
from jobs.watch.model import LookOutcome, Sight
from tests.browser.conftest import SHOTS, axe
from tests.browser.test_sign_in_pages import served
from tests.fixtures.site import create_app
from tests.unit.bot.watched import BROKEN, GOOD, MAILBOX, look, watch

WIDTHS = (320, 390, 768, 1280)
THEMES = ("light", "dark")
DAYS = 60


@pytest.fixture
def site(services, free_port):
    """The bot's pages, and a channel whose history has 60 days of looks, mails and incidents."""
    made = replace(services, bot=replace(services.bot, public_url=f"http://localhost:{free_port}"))
    watched = watch(made)
    began = (now() - timedelta(days=DAYS)).replace(hour=12)  # no incident goes over midnight
    for day in range(DAYS):
        at = began + timedelta(days=day)
        hour = at.replace(minute=0, second=0, microsecond=0).isoformat()
        mails = 0 if day % 7 >= 5 else 10 + day
        look(made, watched, LookOutcome(Sight.HEALTHY, mails={hour: mails}), at)
        kind = {9: BROKEN, 30: BROKEN, 41: LookOutcome(Sight.CANNOT_LOOK, "app_access_withdrawn")}
        if bad := kind.get(day):
            for minutes, outcome in ((60, bad), (61, bad), (240, GOOD)):
                look(made, watched, outcome, at + timedelta(minutes=minutes))
    app = create_app(made.bot, made.redis, [history_page.pages, assets])
    app.config["SERVICES"] = made
    with served(app, free_port, None):
        yield made


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_fits_every_width_and_is_readable(site, person, theme):
    """Nothing on the history page is cut off or scrolls sideways, and axe finds no violation.

    A text describes the chart for people who cannot see it.
    """
    for width in WIDTHS:
        page = person(width, theme)
        page.goto(links.one_time(site, "history", MAILBOX).url)
        page.get_by_role("button").click()
        page.wait_for_selector("svg.chart")
        if Path("-") != SHOTS:
            page.screenshot(path=SHOTS / f"history-{theme}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.get_by_role("img", name="Mails and state of each day").bounding_box()
        assert box["width"] > width * 0.6
        assert box["height"] > 100
        assert page.locator("section.incident").count() == 3
        assert "Broken: 2." in page.locator("#chart-desc").text_content()
        assert axe(page) == []


def test_the_file_is_a_download(site, person):
    """The link to the file on the history page saves it under its own name."""
    page = person(600, "light")
    page.goto(links.one_time(site, "history", MAILBOX).url)
    page.get_by_role("button").click()
    page.wait_for_selector("svg.chart")
    with page.expect_download() as waiting:
        page.locator("a.file").click()
    assert waiting.value.suggested_filename == "history.csv"
