"""Setup, check and fix in a German browser, in which people read no English on the way.

The steps are those of the English stories. Panels that imitate portals, answers of services, and
words of people stay as they are (docs/languages.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from practice.page.host import PracticeSpace
from tests.browser.conftest import opened_space
from tests.browser.walks import MOST, Count, CountedMouse, Incident, Setup, counted, posted
from tests.fixtures.english import left_in

FAULT, CAUSE = "smtp_auth_off_mailbox", "smtp_auth_off_for_mailbox"
SETUP_MOST, CHECK_MOST, FIX_MOST = 5, 1, 2
"""Maximum numbers of human actions and messages in the story.

They are the actions of a setup, and the messages of a setup, of a check, and of a fix.
"""
# Every text in sight but portals, words of people, and what stands in a fixed-width font: ids,
# addresses, commands, and the replies of services.
TEXTS = """() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const parent = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
    if (!text || parent.closest("#clouds, .words, code, script, style")) continue;
    if (!parent.checkVisibility() || /mono/i.test(getComputedStyle(parent).fontFamily)) continue;
    found.push(text.replace(/\\s+/g, " "));
  }
  for (const node of document.querySelectorAll("[aria-label], [placeholder], [title]")) {
    if (node.closest("#clouds") || !node.checkVisibility()) continue;
    for (const name of ["aria-label", "placeholder", "title"]) found.push(node.getAttribute(name) || "");
  }
  return found;
}"""


@pytest.fixture
def space(tmp_path: Any) -> Iterator[PracticeSpace]:
    """Practice space of its own for each try, in which nothing has happened yet."""
    with opened_space(tmp_path) as running:
        yield running


class Reader:
    """Reader of every page on the way, who keeps each English text."""

    def __init__(self) -> None:
        self.lines, self.left = 0, set[str]()

    def look(self, page: Any) -> None:
        """Read every text that is visible on the page."""
        lines = page.evaluate(TEXTS)
        self.lines += len(lines)
        self.left |= set(left_in(lines))


def _new(space: PracticeSpace, before: set[str]) -> list[dict[str, Any]]:
    """Return the bot's messages that were not there before."""
    return [each for each in posted(space) if str(each["id"]) not in before]


def _ids(space: PracticeSpace) -> set[str]:
    return {str(each["id"]) for each in posted(space)}


def test_a_reader_finds_english(visit: Any):
    """The search for English can fail: it finds the English sentences of the English page."""
    reader = Reader()
    reader.look(visit().page)
    assert "In a space the bot hears only what mentions it" in reader.left


def test_the_story_in_german(visit: Any, space: PracticeSpace, picture: Any):
    """A German setup, check and fix take as few actions and messages as English ones.

    The commands are ``/einrichten``, ``/prüfen`` and ``/reparieren``. No English text is left on
    the way.
    """
    reader, hands = Reader(), visit(hands=CountedMouse, language="de-DE")
    hands.say("/sprache de")
    hands.sees("Die Karten sind jetzt auf Deutsch")
    hands.count = Count()
    before = _ids(space)
    Setup(hands, "de", reader.look).play()
    setup, before, actions = _new(space, before), _ids(space), hands.count.sum
    incident = Incident(hands, "de", reader.look)
    incident.switch_on(FAULT)
    incident.mail(answered=True)
    incident.stops_at("Answer")
    reader.look(hands.page)
    incident.check(CAUSE)
    picture(hands.page, "german-check")
    check, before = _new(space, before), _ids(space)
    incident.fix(lambda: hands.say(incident.typed("fix", "support@contoso.com")))
    fix = _new(space, before)
    sys.stdout.write(f"\n{hands.count.table('German')}\n")
    for name, messages in (("setup", setup), ("check", check), ("fix", fix)):
        sys.stdout.write(f"{name}: {counted(messages)}\n")
    sys.stdout.write(f"lines read: {reader.lines}\n")
    assert reader.left == set()
    assert reader.lines > 500
    assert actions <= MOST["article"]
    assert (len(setup) <= SETUP_MOST, len(check) <= CHECK_MOST, len(fix) <= FIX_MOST) == (True,) * 3
