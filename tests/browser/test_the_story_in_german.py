"""A setup, a check and a fix in a German browser: nothing that a person reads on the way is English.

It is the walk of the English stories. The panels that imitate portals, what services answer, and what
people write stay as they are (docs/languages.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from practice.page.host import PracticeSpace
from tests.browser.walks import Count, CountedMouse, Incident, Setup, counted, posted
from tests.fixtures.english import left_in

FAULT, CAUSE = "smtp_auth_off_mailbox", "smtp_auth_off_for_mailbox"
ACTIONS_MOST, SETUP_MOST, CHECK_MOST, FIX_MOST = 36, 5, 1, 2
"""Most human actions of a setup, and most messages of a setup, of a check, and of a fix besides."""
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
    """A practice space of its own for each try: the story begins where nothing has happened."""
    running = PracticeSpace(tmp_path / "run", 0)
    running.open()
    try:
        running.start()
        yield running
    finally:
        running.stop()


class Reader:
    """Reader of every page on the way, who keeps what is English."""

    def __init__(self) -> None:
        self.lines, self.left = 0, set[str]()

    def look(self, page: Any) -> None:
        """Read everything in sight."""
        lines = page.evaluate(TEXTS)
        self.lines += len(lines)
        self.left |= set(left_in(lines))


def _new(space: PracticeSpace, before: set[str]) -> list[dict[str, Any]]:
    """Return the bot's messages that were not there before."""
    return [each for each in posted(space) if str(each["id"]) not in before]


def _ids(space: PracticeSpace) -> set[str]:
    return {str(each["id"]) for each in posted(space)}


def test_a_reader_finds_english(visit: Any):
    """The reader can fail: the English page has English sentences, and each is named."""
    reader = Reader()
    reader.look(visit().page)
    assert "In a space the bot hears only what mentions it" in reader.left


def test_the_story_in_german(visit: Any, space: PracticeSpace, picture: Any):
    """``/einrichten``, ``/prüfen`` and ``/reparieren``, with as few actions and messages as in English."""
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
    assert actions <= ACTIONS_MOST
    assert (len(setup) <= SETUP_MOST, len(check) <= CHECK_MOST, len(fix) <= FIX_MOST) == (True,) * 3
