"""Practice page by keyboard, for people who hear it, on a small screen, and in German.

The page says that it is practice, and refuses strangers.
"""

import re
from pathlib import Path

import pytest

from bot.commands import commands
from practice.page.drivers import PATIENCE_MS, Keyboard
from tests.browser.conftest import axe, picture, script

ROOT = Path(__file__).parents[2]
PARTS = ["chat", "mail", "clouds", "faults"]


@pytest.mark.parametrize(("theme", "mailbox"), [("light", "support"), ("dark", "shared")])
def test_wide_page_can_be_used_by_everybody(visit, theme, mailbox):
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
def test_narrow_page_can_be_used_by_everybody(visit, theme):
    """At 390 pixels each of the page's four parts can be reached, fits, and passes axe-core."""
    visitor = visit(width=390, height=844, theme=theme)
    faults: list[str] = []
    for part in PARTS:
        visitor.page.locator(f"[data-go={part}]").click()
        picture(visitor.page, f"narrow-{part}-{theme}")
        faults += axe(visitor.page)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults == []


def test_commands_are_offered_and_chosen_by_keyboard(visit):
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


def test_the_parts_by_keyboard_on_a_narrow_page(visit):
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


def test_the_tour_has_five_stops(visit):
    """The first visit to the page shows a tour of five stops, and the second visit shows none."""
    page = visit().page
    for stop in range(1, 6):
        page.locator("#tour").get_by_text(f"Tour, {stop} of 5").wait_for()
        page.locator("#tour").get_by_role("button", name=re.compile("^(Next|Done)$")).click()
    page.reload()
    page.locator("#cover").wait_for(state="hidden")
    assert page.locator("#tour").is_hidden()


def test_a_fault_without_a_channel_is_refused_in_words(visit):
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


REQUESTER, SPACE = "requester@contoso.com", "Contact center"
BROKEN = script("broken")


def _answered(visitor, command):
    """Type a command and wait for one more card."""
    cards = visitor.page.locator("#messages .cardbox")
    before = cards.count()
    visitor.say(command)
    cards.nth(before).wait_for(timeout=PATIENCE_MS)


def test_a_new_card_is_announced_and_counted(visit, space):
    """A screen reader hears the words of a new card.

    A card that is out of sight is counted on a button that leads to it.
    """
    visitor = visit(height=340)
    page = visitor.page
    assert page.locator("#heard").get_attribute("aria-live") == "polite"
    for _ in range(3):
        _answered(visitor, "/help")
    assert page.locator("#heard").inner_text().startswith("Email Bot: ")
    assert page.locator("#fresh").is_hidden()
    page.locator("#messages").evaluate("node => { node.scrollTop = 0; }")
    people = space.stack.people()
    people.say(REQUESTER, "/status", SPACE)
    page.locator("#fresh").get_by_text("1 new message").wait_for(timeout=PATIENCE_MS)
    assert page.locator("#messages").evaluate("node => node.scrollTop") == 0
    visitor.activate(page.locator("#fresh"))
    page.locator("#fresh").wait_for(state="hidden")
    newest = page.locator("#messages .msg").last
    assert newest.evaluate("node => node === document.activeElement")
    assert newest.locator(".cardbox").is_visible()
    people.close()


def test_the_box_comes_before_the_conversation(visit):
    """The first two stops of the Tab key are links to the message box and to the newest message."""
    keys = visit(hands=Keyboard)
    page = keys.page
    _answered(keys, "/help")
    page.reload()
    page.locator("#cover").wait_for(state="hidden")
    page.locator("#messages .cardbox").last.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Go to the message box"
    assert page.locator("[data-skip=text]").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "text"
    order = page.evaluate(
        "document.getElementById('text').compareDocumentPosition(document.getElementById('messages'))"
    )
    assert order == 4, "the conversation must follow the box"
    keys.activate(page.locator("[data-skip=newest]"))
    assert page.evaluate("document.activeElement.matches('#messages .msg')")
    assert keys.trouble == []


@pytest.mark.parametrize("language", ["en-US", "de-DE"])
def test_nothing_breaks_inside_a_word_on_a_small_phone(visit, language):
    """At 320 pixels each word is on one line in every part of the page, with every part opened."""
    visitor = visit(width=320, height=700, language=language)
    page = visitor.page
    _answered(visitor, "/status")
    found = {}
    for part in PARTS:
        page.locator(f"[data-go={part}]").click()
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        found[part] = page.evaluate(BROKEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert found == {part: [] for part in PARTS}


def test_a_broken_word_is_found(visit):
    """The search for broken words can fail: it names a word that a narrow box breaks."""
    page = visit(width=320, height=700).page
    page.evaluate(
        """() => {
          const box = document.createElement("p");
          box.textContent = "unbroken";
          Object.assign(box.style, { width: "3ch", overflowWrap: "anywhere" });
          document.body.prepend(box);
        }"""
    )
    assert "unbroken" in page.evaluate(BROKEN)


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
def test_a_german_browser_gets_a_german_page(visit, width):
    """The page is German for eyes and for a screen reader, and as usable as the English one."""
    page = visit(width=width, height=844, language="de-DE").page
    assert page.locator("html").get_attribute("lang") == "de"
    shown = page.evaluate("document.body.textContent")
    assert [each for each in SEEN if each not in shown] == []
    assert page.get_by_placeholder("/ eingeben für die Befehle").count() == 1
    picture(page, f"german-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(page) == []


def test_the_address_chooses_before_the_browser(visit):
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
