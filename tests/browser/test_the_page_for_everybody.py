"""Practice page for people who hear it, use only the keyboard, or have a small screen."""

from __future__ import annotations

from typing import Any

import pytest

from practice.page.drivers import PATIENCE_MS, Keyboard
from practice.page.host import PracticeSpace

REQUESTER, SPACE = "requester@contoso.com", "Contact center"
PARTS = ("chat", "mail", "clouds", "faults")
# Words of letters that begin on one line and end on another. An address or an id may break, a word may not.
BROKEN = """() => {
  const found = [], range = document.createRange();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (!node.parentElement.checkVisibility() || node.parentElement.closest(".vh")) continue;
    for (const word of node.data.matchAll(/(?<![^\\s(„“"'])\\p{L}{2,24}(?![^\\s),.:;!?“”"'])/gu)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const tops = [...range.getClientRects()].filter((at) => at.width > 0.5).map((at) => at.top);
      if (tops.length && Math.max(...tops) - Math.min(...tops) > 4) found.push(word[0]);
    }
  }
  return found;
}"""


def _answered(visitor: Any, command: str) -> None:
    """Type a command and wait for one more card."""
    cards = visitor.page.locator("#messages .cardbox")
    before = cards.count()
    visitor.say(command)
    cards.nth(before).wait_for(timeout=PATIENCE_MS)


def test_a_new_card_is_announced_and_counted(visit: Any, space: PracticeSpace):
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
    assert space.stack is not None
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


def test_the_box_comes_before_the_conversation(visit: Any):
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
def test_nothing_breaks_inside_a_word_on_a_small_phone(visit: Any, language: str):
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


def test_a_broken_word_is_found(visit: Any):
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
