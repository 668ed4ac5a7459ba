"""Users of the practice space in the browser tests: with a mouse, or with the keyboard only.

Both drive the page through Playwright with the same methods, so each story can be played with
either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PATIENCE_MS = 120_000
MOST_STOPS = 400
PAUSE_MS, MOST_PAUSES = 100, 100
# Position of the focus: on the target, on no element, before the target or after it.
# Also whether it is visible.
FOCUS = """target => {
  const node = document.activeElement;
  if (!node || node === document.body) return { lost: true };
  const shown = (node.matches("input[type=radio], input[type=checkbox]") && node.closest("label")) || node;
  const ring = [node, shown]
    .map((each) => getComputedStyle(each))
    .some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
  const at = shown.getBoundingClientRect();
  const outer = shown.parentElement.closest("#messages, #behind, dialog, body");
  const frame = outer.getBoundingClientRect();
  const left = Math.max(at.left, frame.left, 0) + 1;
  const right = Math.min(at.right, frame.right, innerWidth) - 1;
  const top = Math.max(at.top, frame.top, 0) + 1;
  const bottom = Math.min(at.bottom, frame.bottom, innerHeight) - 1;
  const middle = [(left + right) / 2, (top + bottom) / 2];
  const points = [[left, top], [right, top], [left, bottom], [right, bottom], middle];
  const belongs = (each) =>
    each && (shown.contains(each) || (each.contains(node) && each.matches("label")));
  const hit = points.map(([x, y]) => document.elementFromPoint(x, y)).some(belongs);
  return {
    there: node === target, ring, hit,
    name: (node.getAttribute("aria-label") || node.name || node.textContent).trim().slice(0, 60),
    group: target.type === "radio" && node.type === "radio" && node.name === target.name,
    back: Boolean(node.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_PRECEDING),
  };
}"""


def button(title: str) -> str:
    """Return the selector of a card's button by its title.

    The renderer turns buttons that open a URL into links.
    """
    return f'.ac-pushButton[aria-label="{title}"]'


@dataclass(slots=True)
class Mouse:
    """User of the practice space with a mouse."""

    page: Any
    context: Any
    url: str

    def activate(self, target: Any) -> None:
        """Press a button, follow a link, or choose a radio button."""
        target.click()

    def fill(self, target: Any, text: str) -> None:
        """Write a value into a field of the page."""
        target.fill(text)

    def be(self, person: str, room: str = "") -> None:
        """Choose the person to play, and the conversation: ``space`` or ``direct``."""
        self.page.locator(f"#people [data-person={person}] input").check(force=True)
        self.enter(room)

    def enter(self, room: str) -> None:
        """Choose the conversation, if one is named."""
        if room:
            self.page.locator(f"#room-{room}").click()

    def say(self, text: str) -> None:
        """Type a message, send it, and wait until it is in the conversation."""
        said = self.page.locator("#messages .words").filter(has_text=text)
        before = said.count()
        self.fill(self.page.locator("#text"), text)
        self.page.keyboard.press("Enter")
        said.nth(before).wait_for(state="attached", timeout=PATIENCE_MS)

    def card(self, title: str) -> Any:
        """Return the newest card with a button of this title."""
        found = (
            self.page.locator("#messages .cardbox")
            .filter(has=self.page.locator(button(title)))
            .last
        )
        found.wait_for(timeout=PATIENCE_MS)
        return found

    def press(self, title: str, card: Any = None) -> None:
        """Press a card's button with this title."""
        self.activate((card or self.card(title)).locator(button(title)).last)

    def matching(self, title: re.Pattern[str]) -> Any:
        """Return the newest card's button whose title matches the pattern."""
        found = self.page.locator("#messages").get_by_role("button", name=title).last
        found.wait_for(timeout=PATIENCE_MS)
        return found

    def open(self, title: str) -> Any:
        """Press a card's button that is a link, and return the page that it opens."""
        card = self.card(title)
        with self.context.expect_page() as opened:
            self.activate(card.locator(button(title)).last)
        opened.value.wait_for_load_state()
        return opened.value

    def at(self, page: Any) -> Mouse:
        """Return the same user in front of another page."""
        return type(self)(page, self.context, self.url)

    def sign_in(
        self, account: str, decision: str = "Accept", look: Callable[[Any], None] = lambda _: None
    ) -> None:
        """Go from the bot's page to Microsoft's pages and back.

        Choose an account on each page, then ``Accept`` or ``Decline`` in the browser's language.
        Microsoft preselects the account of ``login_hint``, which needs no choice. ``look`` is
        called with each page.
        """
        self.activate(self.page.locator("form button"))
        self.page.wait_for_url("**/cloud/**")
        while "/cloud/" in self.page.url:
            before = self.page.url
            look(self.page)
            choice = self.page.locator(f'input[name=account][value="{account}"]')
            if "login_hint=" not in self.page.url or not choice.is_checked():
                self.activate(choice)
            self.activate(self.page.locator(f'button[value="{decision.lower()}"]'))
            self.page.wait_for_url(lambda url, before=before: url != before)

    def sees(self, text: str) -> None:
        """Wait until the conversation contains this text."""
        self.page.locator("#messages").get_by_text(text).locator("visible=true").last.wait_for(
            timeout=PATIENCE_MS
        )


@dataclass(slots=True)
class Keyboard(Mouse):
    """User of the practice space with a keyboard only: Tab, arrows, Enter.

    ``trouble`` collects the places at which the focus was lost or could not be seen.
    """

    trouble: list[str] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def activate(self, target: Any) -> None:
        """Move the focus to the element with Tab and press Enter.

        A radio button is chosen with Space.
        """
        self.reach(target)
        if target.get_attribute("type") == "radio":
            self.page.keyboard.press("Space")
        else:
            self.page.keyboard.press("Enter")

    def fill(self, target: Any, text: str) -> None:
        """Move the focus to the field with Tab and type."""
        self.reach(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def be(self, person: str, room: str = "") -> None:
        """Choose the person to play with the arrow keys."""
        self.reach(self.page.locator(f"#people [data-person={person}] input"))
        self.enter(room)

    def enter(self, room: str) -> None:
        """Choose the conversation with the arrow keys; only its selected tab is a Tab stop."""
        tabs = self.page.locator("#rooms [aria-selected=true]")
        if room and tabs.get_attribute("data-room") != room:
            self.reach(tabs)
            self.page.keyboard.press("ArrowRight")

    def at(self, page: Any) -> Mouse:
        """Return the same user in front of another page, with the same list of trouble."""
        return Keyboard(page, self.context, self.url, self.trouble)

    def reach(self, target: Any) -> None:
        """Press Tab, Shift+Tab, or an arrow within radio buttons, until the target has the focus.

        Raises:
            AssertionError: when the focus never gets there.
        """
        target.wait_for(state="attached", timeout=PATIENCE_MS)
        document = self.page.evaluate("() => String(performance.timeOrigin)")
        fresh = document not in self._known
        self._known.add(document)
        for stop in range(MOST_STOPS):
            at = self._settled(target, may_be_lost=bool(stop) or fresh, must_be_seen=bool(stop))
            if stop:  # before the first Tab the conversation may have scrolled to new messages
                self.trouble += (
                    []
                    if _seen(at)
                    else [
                        f"the focus cannot be seen on {at['name']!r}: ring {at['ring']}, in sight {at['hit']}"
                    ]
                )
            elif at.get("lost") and not fresh:
                self.trouble.append(f"the focus was lost on {self.page.url}")
            if at.get("there"):
                return
            self.page.keyboard.press(_key(at))
        raise AssertionError(f"Tab never leads to {target}")

    def _settled(self, target: Any, *, may_be_lost: bool, must_be_seen: bool) -> dict[str, Any]:
        """Return the position of the focus once it is stable.

        A busy browser moves the focus a little later, and scrolls after that.
        """
        for _ in range(MOST_PAUSES):
            at: dict[str, Any] = target.evaluate(FOCUS)
            if (may_be_lost or not at.get("lost")) and (not must_be_seen or _seen(at)):
                break
            self.page.wait_for_timeout(PAUSE_MS)
        return at


def _seen(at: dict[str, Any]) -> bool:
    """Return whether the focus is visible.

    At the ends of a page the focus is in the browser's own bar, and no element of the page has it.
    """
    return bool(at.get("lost") or (at["ring"] and at["hit"]))


def _key(at: dict[str, Any]) -> str:
    if at.get("group"):
        return "ArrowLeft" if at["back"] else "ArrowRight"
    return "Shift+Tab" if at.get("back") else "Tab"
