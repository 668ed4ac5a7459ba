"""Faults switched on in the page, a mail, and ``/check``.

The card, the drawing and the switch name the same place. Then the fault is fixed.
"""

from __future__ import annotations

from typing import Any

import pytest

from adaptive_cards.texts import text
from practice.page.host import PracticeSpace
from practice.scenario import Scenario
from practice.verdicts import sentences
from tests.browser.test_the_page_for_everybody import BROKEN

MAILBOX, ADMIN = "support@contoso.com", "admin@contoso.com"
SETUP = 11  # scenes of the story until the channel is proven
FAULTS = [
    ("smtp_auth_off_mailbox", "smtp_auth_off_for_mailbox", "Answer"),
    ("policy_higher_rule", "forwarding_blocked", "Forwarding"),
    ("secret_expired", "client_secret_expired", "Answer"),
    ("sessions_revoked", "session_revoked", "Answer"),
    ("remote_domain_default", "remote_domain_blocks_forwarding", "Forwarding"),
]


@pytest.fixture(scope="module")
def proven(space: PracticeSpace) -> PracticeSpace:
    """A space whose channel is set up, without clicks."""
    assert space.stack is not None
    people = space.stack.people()
    for _, scene in Scenario(people, lambda _: None).scenes()[:SETUP]:
        scene()
    people.close()
    return space


def _switch_on(visitor: Any, name: str) -> None:
    """On, also where an earlier try that failed has left it on."""
    visitor.page.fill("#find", name)
    switch = visitor.page.locator(f'[data-fault="{name}"]')
    if switch.get_attribute("aria-checked") != "true":
        switch.click()
    visitor.page.locator(f'[data-fault="{name}"][aria-checked=true]').wait_for()


def _mail_both_ways(visitor: Any, *, answered: bool) -> None:
    """A mail from a customer, and an answer where the mail gets that far."""
    page = visitor.page
    page.get_by_role("button", name="Send a mail as a customer").click()
    page.locator("#ask").get_by_role("button", name="Send").click()
    page.get_by_text("The mail server took the mail.").wait_for()
    if answered:
        page.locator("#waylist").get_by_text("has the task").wait_for(state="attached")
        page.get_by_role("button", name="Answer as the agent").click()
        page.locator("#ask").get_by_role("button", name="Answer").click()


def _sign_in(visitor: Any, link: str) -> None:
    there = visitor.at(visitor.open(link))
    there.sign_in(ADMIN)
    there.page.close()


def _check(visitor: Any, first_line: str) -> None:
    visitor.be("administrator", "space")
    visitor.say(f"/check {MAILBOX}")
    _sign_in(visitor, "Sign in to see more")
    visitor.sees(first_line)


@pytest.mark.parametrize(("fault", "cause", "station"), FAULTS)
def test_fault_and_verdict(
    visit: Any, picture: Any, proven: PracticeSpace, fault: str, cause: str, station: str
):
    """The drawing stops at the fault, the verdict names its cause first, and All off ends it."""
    visitor = visit()
    _switch_on(visitor, fault)
    _mail_both_ways(visitor, answered=station == "Answer")
    visitor.page.locator("#waylist li").filter(has_text=station).get_by_text("stops here").wait_for(
        state="attached"
    )
    _check(visitor, sentences()[cause])
    visitor.page.locator("#waytitle").evaluate("node => node.scrollIntoView()")
    picture(
        visitor.page,
        f"fault-{fault}",
        visitor.page.locator("#messages .cardbox").filter(has_text=sentences()[cause]).last,
    )
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.page.locator("[data-go=mail]").click()
    picture(visitor.page, f"narrow-{fault}", visitor.page.locator("#waylist"))
    visitor.page.set_viewport_size({"width": 1280, "height": 860})
    visitor.page.get_by_role("button", name="All off").click()
    visitor.page.locator(f'[data-fault="{fault}"][aria-checked=false]').wait_for()


def test_a_fix(visit: Any, picture: Any, proven: PracticeSpace):
    """The verdict's green button plans one change, asks for approval and proves the repair.

    The proof is a test mail and its answer.
    """
    visitor = visit()
    _switch_on(visitor, "smtp_auth_off_mailbox")
    _check(visitor, sentences()["smtp_auth_off_for_mailbox"])
    visitor.be("requester", "space")
    visitor.press(text("fix.smtp_auth"))
    visitor.be("administrator", "space")
    visitor.card("Ask my administrator")
    _sign_in(visitor, "Sign in with Microsoft")
    visitor.be("requester", "space")
    visitor.press("Approve 1 change")
    visitor.press("Confirm that it arrived")
    visitor.page.get_by_role("button", name="Answer as the agent").click()
    visitor.page.locator("#ask").get_by_role("button", name="Answer").click()
    visitor.sees("is fixed")
    picture(visitor.page, "mended")


BROKEN_MOST = 5
"""Words that the tables of three columns in the portals still break at 320 pixels."""


def test_nothing_breaks_in_a_portal_with_a_channel(visit: Any, proven: PracticeSpace):
    """The tables, addresses and mails of a channel that is set up fit at 320 pixels, too."""
    page = visit(width=320, height=700).page
    found = {}
    for part in ("mail", "clouds", "faults"):
        page.locator(f"[data-go={part}]").click()
        found[part] = page.evaluate(BROKEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#clouds").get_by_text("SMTP.Send").first.wait_for(state="attached")
    assert (found["mail"], found["faults"]) == ([], [])
    assert len(found["clouds"]) <= BROKEN_MOST
