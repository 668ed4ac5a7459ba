"""Human actions of a whole setup and of an incident, counted in a real browser, also in German.

The module :mod:`tests.browser.walks` says which actions are counted. Panels that imitate portals,
answers of services, and words of people stay in English (docs/languages.md).
"""

import sys

import pytest

from adaptive_cards.texts import text
from bench.watch_faults import WatchedFaults
from practice.actors import MAILBOX, REQUESTER, SPACE
from tests.browser.conftest import opened_space, picture, script
from tests.browser.walks import (
    MOST,
    Count,
    CountedMouse,
    Incident,
    Setup,
    counted,
    let_time_pass,
    posted,
)
from tests.fixtures.english import left_in

BROKEN, FIX = "smtp_auth_off_mailbox", "fix.smtp_auth"
MOST_OF_THE_REQUESTER = 8
"""Maximum number of actions of a requester from a break to the end of its incident."""


class HandsByPerson(CountedMouse):
    """Mouse whose actions are counted for the person who does them."""

    def be(self, person, room=""):
        """Count the following actions for this person."""
        self.count.now = person
        CountedMouse.be(self, person, room)


@pytest.fixture
def space(browser, tmp_path):
    """Practice space of its own for each setup."""
    with opened_space(tmp_path) as running:
        yield running


@pytest.mark.parametrize("profile", MOST)
def test_a_setup_takes_few_hands(visit, space, profile):
    """A setup takes at most the allowed number of human actions.

    Nobody presses a button for a fact that the bot can read. The actions that stay for safety (the
    sign-in, the approvals and the one-time page) are all taken and counted.
    """
    hands = visit(hands=CountedMouse)
    Setup(hands, profile=profile).play()
    count: Count = hands.count
    sys.stdout.write(f"\n{count.table(f'Setup, {profile}')}\n{counted(posted(space))}\n")
    assert count.sum <= MOST[profile], count.table(profile)
    kept = {
        "administrator: sign-in": ("loads", 3),  # the bot's page, Microsoft's, the result
        "approver: plan and tenant": ("clicks", 2),
        "requester: one-time page": ("clicks", 3),  # the link, the button, Copy
    }
    assert {name: count.steps[name][kind] for name, (kind, _) in kept.items()} == {
        name: number for name, (_, number) in kept.items()
    }


def test_an_incident_takes_few_hands(visit, space):
    """A requester whose channel breaks acts on the card that comes by itself, until it is fixed.

    The requester begins the fix, approves it, and answers the test mail as the agent.
    """
    people = space.stack.people()
    story = WatchedFaults(people, lambda _: None)
    story.set_up()
    story.grant()
    people.say(REQUESTER, f"/watch {MAILBOX}", SPACE)
    people.wait_for("the watch", lambda each: "is watched" in str(each["card"]), 30)
    people.close()
    hands = visit(hands=HandsByPerson)
    incident = Incident(hands)
    incident.switch_on(BROKEN)
    let_time_pass(hands)
    incident.fix(lambda: hands.press(text(FIX)))
    count: Count = hands.count
    sys.stdout.write(f"\n{count.table('Incident, by person')}\n")
    assert count.steps["requester"].total() <= MOST_OF_THE_REQUESTER, count.table("Incident")


FAULT, CAUSE = "smtp_auth_off_mailbox", "smtp_auth_off_for_mailbox"
SETUP_MOST, CHECK_MOST, FIX_MOST = 5, 1, 2
"""Maximum numbers of human actions and messages in the story.

They are the actions of a setup, and the messages of a setup, of a check, and of a fix.
"""
TEXTS = script("texts")


class Reader:
    """Reader of every page on the way, who keeps each English text."""

    def __init__(self) -> None:
        self.lines, self.left = 0, set[str]()

    def look(self, page):
        """Read every text that is visible on the page."""
        lines = page.evaluate(TEXTS)
        self.lines += len(lines)
        self.left |= set(left_in(lines))


def _new(space, before):
    """Return the bot's messages that were not there before."""
    return [each for each in posted(space) if str(each["id"]) not in before]


def _ids(space):
    return {str(each["id"]) for each in posted(space)}


def test_a_reader_finds_english(visit):
    """The search for English can fail: it finds the English sentences of the English page."""
    reader = Reader()
    reader.look(visit().page)
    assert "In a space the bot hears only what mentions it" in reader.left


def test_the_story_in_german(visit, space):
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
