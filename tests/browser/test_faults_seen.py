"""Faults that are switched on in the page, and their way through a mail, ``/check`` and the fix.

The card, the drawing of the mail's way and the switch name the same place.
"""

import pytest

from practice.scenario import Scenario
from practice.verdicts import sentences
from tests.browser.conftest import picture
from tests.browser.test_the_page import BROKEN
from tests.browser.walks import Incident, let_time_pass

SETUP = 11  # scenes of the story until the channel is proven
FAULTS = [
    ("smtp_auth_off_mailbox", "smtp_auth_off_for_mailbox", "Answer"),
    ("policy_higher_rule", "forwarding_blocked", "Forwarding"),
]


@pytest.fixture(scope="module")
def proven(space):
    """Practice space whose channel is set up through the API, without clicks."""
    people = space.stack.people()
    for _, scene in Scenario(people, lambda _: None).scenes()[:SETUP]:
        scene()
    people.close()
    return space


@pytest.mark.parametrize(("fault", "cause", "station"), FAULTS)
def test_fault_and_verdict(visit, proven, fault, cause, station):
    """The drawing stops at the fault, and the verdict names its cause first.

    All off ends the fault.
    """
    visitor = visit()
    incident = Incident(visitor)
    incident.switch_on(fault)
    incident.mail(answered=station == "Answer")
    incident.stops_at(station)
    incident.check(cause)
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
    incident.switch_off(fault)


def test_nothing_breaks_in_a_portal_with_a_channel(visit, proven):
    """The tables, addresses and mails of a channel that is set up fit at 320 pixels, too."""
    page = visit(width=320, height=700).page
    found = {}
    for part in ("mail", "clouds", "faults"):
        page.locator(f"[data-go={part}]").click()
        found[part] = page.evaluate(BROKEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#clouds").get_by_text("SMTP.Send").first.wait_for(state="attached")
    assert found == {"mail": [], "clouds": [], "faults": []}


def test_nothing_is_watched_yet(visit, proven):
    """If no channel is watched, the page says so in the language of the browser."""
    assert "No channel is watched" in let_time_pass(visit())
    german = let_time_pass(visit(language="de-DE"), "15 Minuten vergehen lassen")
    assert "Kein Kanal wird überwacht" in german
