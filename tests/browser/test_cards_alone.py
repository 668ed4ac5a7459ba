"""Every card that the product can send, drawn alone by Microsoft's renderer.

Each card is drawn in light and dark, wide and narrow.
"""

from __future__ import annotations

from typing import Any

import flask
import pytest

from adaptive_cards.locale import SOURCE
from practice.page.server import PageServer
from practice.page.web import STATIC, Space
from tests.browser.test_the_page_for_everybody import BROKEN
from tests.unit.adaptive_cards import all_examples, plan_address_examples

ALONE = """<!doctype html><html lang="en"><head><title>Cards</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/practice/static/page.css">
<link rel="stylesheet" href="/practice/static/cards.css">
<script src="/practice/vendor/markdown-it.js"></script>
<script src="/practice/vendor/adaptivecards.js"></script>
<script type="module">import { drawn } from "/practice/static/cards.js"; window.drawn = drawn;</script>
</head><body><main></main></body></html>"""
DRAW = """([card, theme, width]) => {
  document.documentElement.dataset.theme = theme;
  const box = document.createElement("div");
  box.className = "cardbox";
  box.style.width = `${width}px`;
  box.append(window.drawn(card, theme, () => {}));
  document.querySelector("main").replaceChildren(box);
  for (const button of box.querySelectorAll("[aria-expanded=false]")) button.click();
  const edge = box.getBoundingClientRect();
  const out = [];
  for (const node of box.querySelectorAll("*")) {
    const at = node.getBoundingClientRect();
    if (!at.width || !at.height) continue;
    const cut = getComputedStyle(node).overflowX !== "visible"
      && node.scrollWidth > node.clientWidth + 1 && !node.matches("input, textarea, select, select *");
    if (at.right > edge.right + 1 || at.left < edge.left - 1 || cut)
      out.push(`${node.className || node.tagName}: ${node.textContent.slice(0, 60)}`);
  }
  return { out, empty: !box.textContent.trim(), height: edge.height };
}"""

PRESSED = """([card, title]) => {
  const sent = [];
  const box = window.drawn(card, "light", ({ data, inputs }) => sent.push({ data, inputs }));
  document.querySelector("main").replaceChildren(box);
  for (const field of box.querySelectorAll("input")) {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  }
  [...box.querySelectorAll("button")].find((each) => each.textContent === title).click();
  return sent;
}"""


CARDS: dict[str, Any] = {name: card.content for name, card in all_examples.CARDS.items()}
LANGUAGES = {SOURCE: CARDS} | {
    language: {name: card.content for name, card in cards.items()}
    for language, cards in all_examples.OTHERS.items()
}


class Nobody:
    """Stand-in without processes, because these tests need only the page's own files."""

    places = None
    ready = False

    def shown(self) -> list[Any]:
        """Return an empty list, because there is no process."""
        return []

    def kill(self, name: str) -> None:
        """Raise KeyError, because there is no process to kill."""
        raise KeyError(name)


@pytest.fixture(scope="module")
def blank(browser: Any):
    """Page with only the renderer, the host config and the styles of the practice space."""
    app = Space(Nobody()).app()
    app.add_url_rule("/alone", view_func=lambda: flask.Response(ALONE, mimetype="text/html"))
    server = PageServer(0, app)
    server.start()
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.goto(f"{server.url}/alone")
    page.wait_for_function("() => Boolean(window.drawn)")
    yield page
    page.close()
    server.stop()


@pytest.mark.parametrize("width", [600, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_overflows(blank: Any, theme: str, width: int):
    """No card is empty, and no element of a card overflows its box or is clipped.

    This holds for opened cards, too.
    """
    seen = {name: blank.evaluate(DRAW, [card, theme, width]) for name, card in CARDS.items()}
    assert len(seen) > 40
    assert {
        name: result["out"][:3] for name, result in seen.items() if result["out"] or result["empty"]
    } == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_addresses_of_a_plan_wrap_on_a_small_phone(blank: Any, theme: str):
    """A long Call Back URL or host wraps at 320 px, in the plan as well as in its warning."""
    names = plan_address_examples.examples()
    seen = {name: blank.evaluate(DRAW, [CARDS[name], theme, 320])["out"][:3] for name in names}
    assert {"plan-addresses", "plan-foreign", "hostile-plan-addresses"} <= set(seen)
    assert {name: out for name, out in seen.items() if out} == {}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_nothing_is_cut_and_no_word_breaks_on_the_smallest_phone(blank: Any, language: str):
    """At 320 px with every part of a card open, no button is cut and each word is on one line."""
    cut, broken = {}, {}
    for name, card in LANGUAGES[language].items():
        if name.startswith("hostile") or name.endswith("-hostile"):
            continue
        if out := blank.evaluate(DRAW, [card, "light", 320])["out"]:
            cut[name] = out[:3]
        if words := blank.evaluate(BROKEN):
            broken[name] = words
    assert (cut, broken) == ({}, {})


def test_a_card_that_is_too_wide_is_found(blank: Any):
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
def test_only_what_reads_a_field_waits_for_it(
    blank: Any, card: str, title: str, sent: list[dict[str, str]]
):
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
