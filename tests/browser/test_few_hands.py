"""Human actions of a whole setup: clicks, fields and page loads, counted in a real browser.

The module :mod:`tests.browser.walks` says which actions are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from adaptive_cards.texts import text
from bench.watch_faults import WatchedFaults
from practice.actors import MAILBOX, REQUESTER, SPACE
from practice.page.host import PracticeSpace
from tests.browser.conftest import opened_space
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

BROKEN, FIX = "smtp_auth_off_mailbox", "fix.smtp_auth"
MOST_OF_THE_REQUESTER = 8
"""Maximum number of actions of a requester from a break to the end of its incident."""


class HandsByPerson(CountedMouse):
    """Mouse whose actions are counted for the person who does them."""

    def be(self, person: str, room: str = "") -> None:
        """Count the following actions for this person."""
        self.count.now = person
        CountedMouse.be(self, person, room)


@pytest.fixture
def space(browser: Any, tmp_path: Any) -> Iterator[PracticeSpace]:
    """Practice space of its own for each setup."""
    with opened_space(tmp_path) as running:
        yield running


@pytest.mark.parametrize("profile", MOST)
def test_a_setup_takes_few_hands(visit: Any, space: PracticeSpace, profile: str):
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


def test_an_incident_takes_few_hands(visit: Any, space: PracticeSpace):
    """A requester whose channel breaks acts on the card that comes by itself, until it is fixed.

    The requester begins the fix, approves it, and answers the test mail as the agent.
    """
    assert space.stack is not None
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
