"""Every card that the product can send, drawn alone by Microsoft's renderer, and on sheets.

Each card is drawn in light and dark, wide and narrow. With PICTURES=1 the sheets of docs/pictures
are taken again.
"""

import os
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import flask
import pytest
from PIL import Image

from adaptive_cards.locale import SOURCE
from practice.page.server import PageServer
from practice.page.web import STATIC, Space
from tests.browser.conftest import SHOTS, script
from tests.browser.test_the_page import BROKEN
from tests.unit.adaptive_cards import all_examples, examples

ALONE = """<!doctype html><html lang="en"><head><title>Cards</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/practice/static/page.css">
<link rel="stylesheet" href="/practice/static/cards.css">
<script src="/practice/vendor/markdown-it.js"></script>
<script src="/practice/vendor/adaptivecards.js"></script>
<script type="module">import { drawn } from "/practice/static/cards.js"; window.drawn = drawn;</script>
</head><body><main></main></body></html>"""
DRAW = script("draw")

PRESSED = script("pressed")


CARDS: dict[str, Any] = {name: card.content for name, card in all_examples.CARDS.items()}
LANGUAGES = {SOURCE: CARDS} | {
    language: {name: card.content for name, card in cards.items()}
    for language, cards in all_examples.OTHERS.items()
}


class Nobody:
    """Stand-in without processes, because these tests need only the page's own files."""

    places = None
    ready = False

    def shown(self):
        """Return an empty list, because there is no process."""
        return []

    def kill(self, name):
        """Raise KeyError, because there is no process to kill."""
        raise KeyError(name)


QUOTED = {"SmtpClientAuthentication"}
"""Microsoft's words of evidence, which are quoted as they came, so that people can search for them."""


@pytest.fixture(scope="module")
def address():
    """Address of a page that has only the renderer, the host config and the styles."""
    app = Space(Nobody()).app()
    app.add_url_rule("/alone", view_func=lambda: flask.Response(ALONE, mimetype="text/html"))
    server = PageServer(0, app)
    server.start()
    yield f"{server.url}/alone"
    server.stop()


@pytest.fixture(scope="module")
def blank(browser, address):
    """Page with only the renderer, the host config and the styles of the practice space."""
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.goto(address)
    page.wait_for_function("() => Boolean(window.drawn)")
    yield page
    page.close()


@pytest.mark.parametrize("width", [600, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_overflows(blank, theme, width):
    """No card is empty, and no element of a card overflows its box or is clipped.

    This holds for opened cards, too.
    """
    seen = {name: blank.evaluate(DRAW, [card, theme, width]) for name, card in CARDS.items()}
    assert len(seen) > 40
    assert {
        name: result["out"][:3] for name, result in seen.items() if result["out"] or result["empty"]
    } == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_addresses_of_a_plan_wrap_on_a_small_phone(blank, theme):
    """A long Call Back URL or host wraps at 320 px, in the plan as well as in its warning."""
    names = examples.addresses()
    seen = {name: blank.evaluate(DRAW, [CARDS[name], theme, 320])["out"][:3] for name in names}
    assert {"plan-addresses", "plan-foreign", "hostile-plan-addresses"} <= set(seen)
    assert {name: out for name, out in seen.items() if out} == {}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_nothing_is_cut_and_no_word_breaks_on_the_smallest_phone(blank, language):
    """At 320 px with every part of a card open, no button is cut and each word is on one line."""
    cut, broken = {}, {}
    for name, card in LANGUAGES[language].items():
        if name.startswith("hostile") or name.endswith("-hostile"):
            continue
        if out := blank.evaluate(DRAW, [card, "light", 320])["out"]:
            cut[name] = out[:3]
        if words := set(blank.evaluate(BROKEN)) - QUOTED:
            broken[name] = words
    assert (cut, broken) == ({}, {})


def test_a_card_that_is_too_wide_is_found(blank):
    """The measurement of a card's width can fail.

    A word that cannot be broken makes a fact set too wide, and the measurement finds that.
    """
    wide = {"type": "FactSet", "facts": [{"title": "Address", "value": "x" * 400}]}
    card = {
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": [
            {
                "type": "ColumnSet",
                "columns": [{"type": "Column", "width": "900px", "items": [wide]}],
            }
        ],
    }
    assert blank.evaluate(DRAW, [card, "light", 390])["out"] != []


@pytest.mark.parametrize(
    ("card", "title", "sent"),
    [
        ("intake", "Cancel", [{"do": "cancel", "run": "7Q4K"}]),
        ("intake", "Continue", []),
        ("typed-wrong", "Help", [{"do": "help"}]),
        (
            "typed-wrong",
            "Use support@contoso.com",
            [{"do": "typed", "command": "setup-email", "mailbox_meant": "support@contoso.com"}],
        ),
    ],
)
def test_only_what_reads_a_field_waits_for_it(blank, card, title, sent):
    """With every field empty, Cancel, Help and Use can be pressed, and Continue cannot.

    The official renderer sends the data of the button alone.
    """
    assert blank.evaluate(PRESSED, [CARDS[card], title]) == [
        {"data": data, "inputs": {}} for data in sent
    ]


def test_the_page_draws_no_card_itself():
    """Only the official renderer draws cards: no script of the page names an element of a card."""
    known = ("TextBlock", "ColumnSet", "FactSet", "RichTextBlock", "ActionSet")
    texts = {path.name: path.read_text("utf-8") for path in STATIC.glob("*.js")}
    assert {name: word for name, text in texts.items() for word in known if word in text} == {}


PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
README = PICTURES / "README.md"
BLOCK = re.compile(r"(<!-- sheets: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)
WIDTHS = (600, 390, 320)
GAP, COLUMNS, SCALE = 20, 7, 0.5
TALLEST = 4000  # CSS pixels of a card
PATIENCE_MS = 120_000
MOST_BYTES = 7_000_000  # of all sheets together
HOSTILE = "hostile-"  # cards that only a test sends
THEMES = ("light", "dark")
COLORS = 64
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
GROUP = script("group")


def shown(language):
    """Return the content of every card of a language that a person can get."""
    return {
        name: card for name, card in LANGUAGES[language].items() if not name.startswith(HOSTILE)
    }


def placed(sizes):
    """Return the place of each card on the sheet, and the sheet's width and height.

    Each card goes to the column that is the shortest so far.
    """
    wide, tall = max(size[0] for size in sizes.values()), [0] * COLUMNS
    places = {}
    for name, (_, height, _) in sizes.items():
        column = tall.index(min(tall))
        places[name] = (round(column * wide * SCALE), round(tall[column] * SCALE))
        tall[column] += height
    return places, round(wide * COLUMNS * SCALE), round(max(tall) * SCALE)


def taken(page, theme, cards, sizes):
    """Return the sheet with few colors, which can hardly be seen and make a smaller file."""
    places, width, height = placed(sizes)
    sheet = Image.new("RGB", (width, height), page.evaluate(BACKGROUND))
    for name, card in cards.items():
        wide, tall, _ = page.evaluate(GROUP, [name, card, theme, WIDTHS, GAP])
        clip = {"x": 0, "y": 0, "width": wide, "height": tall}
        png = page.screenshot(clip=clip, animations="disabled", caret="hide", timeout=PATIENCE_MS)
        sheet.paste(Image.open(BytesIO(png)), places[name])
        if SHOTS.is_dir():
            (SHOTS / f"{name}-{theme}.png").write_bytes(png)
    return sheet.quantize(COLORS)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_sheet_has_every_card(browser, address, language, theme):
    """A sheet draws each card of the language at each width.

    With PICTURES=1 the sheet is written to docs/pictures.
    """
    context = browser.new_context(
        viewport={"width": 1500, "height": TALLEST}, device_scale_factor=SCALE, color_scheme=theme
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("() => Boolean(window.drawn)")
    cards = shown(language)
    sizes = {
        name: page.evaluate(GROUP, [name, card, theme, WIDTHS, GAP]) for name, card in cards.items()
    }
    assert {name: size[2] for name, size in sizes.items()} == dict.fromkeys(cards, len(WIDTHS))
    assert max(size[1] for size in sizes.values()) <= TALLEST
    if os.environ.get("PICTURES"):
        sheet = PICTURES / f"cards-{language}-{theme}.webp"
        taken(page, theme, cards, sizes).save(sheet, lossless=True)
        assert sum(each.stat().st_size for each in PICTURES.glob("cards-*")) <= MOST_BYTES
        README.write_text(_with_sheets(README.read_text("utf-8")), "utf-8")
    context.close()


def _with_sheets(page):
    """Return the page of the pictures with every sheet that exists.

    The web site shows the sheet of the reader's theme.
    """
    there = [
        f"### {language}, {theme}\n\n![Every card, {language}, {theme}](cards-{language}-{theme}.webp)\n"
        for language in sorted(LANGUAGES)
        for theme in THEMES
        if (PICTURES / f"cards-{language}-{theme}.webp").exists()
    ]
    return BLOCK.sub(lambda found: f"{found[1]}\n{chr(10).join(there)}\n{found[2]}", page)
