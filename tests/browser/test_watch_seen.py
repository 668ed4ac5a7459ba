"""Watch in the practice space: a fault that is switched on makes the incident's card by itself."""

from __future__ import annotations

from typing import Any

import pytest

from practice.page.host import PracticeSpace
from practice.scenario import Scenario
from tests.browser.walks import let_time_pass

MAILBOX, FAULT = "support@contoso.com", "smtp_auth_off_mailbox"
SETUP = 11  # scenes of the story until the channel is proven


@pytest.fixture(scope="module")
def proven(space: PracticeSpace) -> PracticeSpace:
    """Practice space whose channel is set up through the API, without clicks."""
    assert space.stack is not None
    people = space.stack.people()
    for _, scene in Scenario(people, lambda _: None).scenes()[:SETUP]:
        scene()
    people.close()
    return space


def test_nothing_is_watched_yet(visit: Any, proven: PracticeSpace):
    """If no channel is watched, the page says so in the language of the browser."""
    assert "No channel is watched" in let_time_pass(visit())
    german = let_time_pass(visit(language="de-DE"), "15 Minuten vergehen lassen")
    assert "Kein Kanal wird überwacht" in german


def test_a_fault_makes_the_card_by_itself(
    visit: Any, axe: Any, picture: Any, proven: PracticeSpace
):
    """A fault on a watched channel makes an incident's card, although nobody types ``/check``.

    After the fault is switched off, the same card says that the channel works again.
    """
    visitor = visit()
    visitor.say(f"/watch {MAILBOX}")
    visitor.sees(f"{MAILBOX} is watched every 15 minutes")
    assert "looked at: 1" in let_time_pass(visitor)
    visitor.page.fill("#find", FAULT)
    visitor.page.locator(f'[data-fault="{FAULT}"]').click()
    visitor.page.locator(f'[data-fault="{FAULT}"][aria-checked=true]').wait_for()
    assert "looked at: 1" in let_time_pass(visitor)
    visitor.sees(f"{MAILBOX} is broken")
    broken = visitor.page.locator("#messages .cardbox").filter(has_text=f"{MAILBOX} is broken")
    picture(visitor.page, "watch-broken", broken.last)
    assert axe(visitor.page) == []
    visitor.page.get_by_role("button", name="All off").click()
    visitor.page.locator(f'[data-fault="{FAULT}"][aria-checked=false]').wait_for()
    assert "looked at: 1" in let_time_pass(visitor)
    visitor.sees(f"{MAILBOX} works again")
