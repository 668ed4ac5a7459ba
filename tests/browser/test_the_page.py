"""Demands on the practice page itself.

The page works by keyboard, can be read, says that it is practice, and refuses strangers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bot.commands import commands
from practice.page.drivers import Keyboard

ROOT = Path(__file__).parents[2]
PARTS = ["chat", "mail", "clouds", "faults"]


@pytest.mark.parametrize(("theme", "mailbox"), [("light", "support"), ("dark", "shared")])
def test_wide_page_can_be_used_by_everybody(
    visit: Any, axe: Any, picture: Any, theme: str, mailbox: str
):
    """At 1280 pixels the page passes axe-core for WCAG 2.2 AA and does not scroll sideways.

    A card is on the page and the commands are offered. Changing the theme keeps the text typed into
    a card.
    """
    visitor = visit(theme=theme)
    visitor.say(f"/setup-email {mailbox}@contoso.com")
    try:
        field = visitor.card("Continue").get_by_label("Call Back URL")
        visitor.page.fill("#text", "/")
        assert axe(visitor.page) == []
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 1280
        picture(visitor.page, f"wide-{theme}")
        field.fill("half of it")
        visitor.page.locator("#theme").click()
        changed = visitor.page.locator("html").get_attribute("data-theme") != theme
        assert (field.input_value(), changed) == ("half of it", True)
    finally:
        visitor.say(f"/cancel {mailbox}@contoso.com")  # a second try would find the run going on
        visitor.sees("was canceled")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_narrow_page_can_be_used_by_everybody(visit: Any, axe: Any, picture: Any, theme: str):
    """At 390 pixels each of the page's four parts can be reached, fits, and passes axe-core."""
    visitor = visit(width=390, height=844, theme=theme)
    faults: list[str] = []
    for part in PARTS:
        visitor.page.locator(f"[data-go={part}]").click()
        picture(visitor.page, f"narrow-{part}-{theme}")
        faults += axe(visitor.page)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults == []


def test_commands_are_offered_and_chosen_by_keyboard(visit: Any):
    """A slash in the message box offers every command that the bot has.

    Arrows and Enter choose a command, and Escape hides the list.
    """
    page = visit().page
    page.fill("#text", "/")
    offered = [text.removeprefix("/") for text in page.locator("#commands .mono").all_inner_texts()]
    assert set(offered) == set(commands())
    page.press("#text", "ArrowDown")
    page.press("#text", "Enter")
    assert page.input_value("#text") == f"/{offered[1]} "
    page.fill("#text", "/")
    page.press("#text", "Escape")
    assert page.locator("#commands").is_hidden()


def test_the_parts_by_keyboard_on_a_narrow_page(visit: Any):
    """At 390 pixels the keyboard alone changes part and person and uses a dialog and a switch.

    The focus is always visible.
    """
    keys = visit(width=390, height=844, hands=Keyboard)
    page = keys.page
    keys.reach(page.locator("#person"))
    page.keyboard.press("ArrowDown")
    page.locator("#room-direct").wait_for()
    keys.activate(page.locator("[data-go=mail]"))
    opener = page.get_by_role("button", name="Send a mail as a customer")
    keys.activate(opener)
    keys.fill(page.get_by_label("Subject"), "By keyboard")
    page.keyboard.press("Escape")
    page.locator("#ask").wait_for(state="hidden")
    assert opener.evaluate("node => node === document.activeElement")
    keys.activate(page.locator("[data-go=faults]"))
    keys.activate(page.locator("#throttle_every-switch"))
    page.locator("#throttle_every-switch[aria-checked=true]").wait_for()
    keys.activate(page.locator("#throttle_every-switch"))
    page.locator("#throttle_every-switch[aria-checked=false]").wait_for()
    assert (page.locator("#person").input_value(), keys.trouble) == ("administrator", [])


def test_the_tour_has_five_stops(visit: Any):
    """The first visit to the page shows a tour of five stops, and the second visit shows none."""
    page = visit().page
    for stop in range(1, 6):
        page.locator("#tour").get_by_text(f"Tour, {stop} of 5").wait_for()
        page.locator("#tour").get_by_role("button", name=re.compile("^(Next|Done)$")).click()
    page.reload()
    page.locator("#cover").wait_for(state="hidden")
    assert page.locator("#tour").is_hidden()


def test_a_fault_without_a_channel_is_refused_in_words(visit: Any):
    """A fault that needs a channel cannot be switched on without one.

    The page says why, and the switch stays off.
    """
    page = visit().page
    page.fill("#find", "secret_expired")
    page.locator('[data-fault="secret_expired"]').click()
    page.get_by_text(
        "The secret of Webex Connect has expired” needs a channel that is set up"
    ).wait_for()
    assert page.locator('[data-fault="secret_expired"]').get_attribute("aria-checked") == "false"


def test_every_screen_says_that_it_is_practice(visit: Any):
    """The page, the bot's pages and the sign-in pages all carry the words "Practice space"."""
    visitor = visit()
    for path in ("/", "/signin/nothing", "/cloud/common/oauth2/v2.0/authorize"):
        visitor.page.goto(visitor.url + path)
        assert "Practice space" in visitor.page.inner_text("body")


def test_the_guide_shows_pictures_that_are_there():
    """Every picture shown by README and docs exists, and docs/pictures has no other file.

    The only other files are the words of those pictures, and the page about all of them.
    """
    folder = ROOT / "docs" / "pictures"
    texts = "".join(
        path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    )
    shown = set(re.findall(r"pictures/([\w-]+)\.png\)", texts))
    moving = set(re.findall(r"pictures/([\w-]+\.webp)\)", texts))
    sheets = set(re.findall(r"\(([\w-]+\.webp)\)", (folder / "README.md").read_text("utf-8")))
    there = {path.name for path in folder.iterdir()}
    words = {f"{name}{kind}" for name in shown for kind in (".png", ".txt")}
    assert there == words | moving | sheets | {"README.md"}
