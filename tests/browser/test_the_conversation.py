"""A newcomer reads only the page and gets a channel, from /setup-email to the agent's answer."""

from __future__ import annotations

import re
from typing import Any

from practice.page.host import PracticeSpace

MAILBOX, ADMIN = "support@contoso.com", "admin@contoso.com"
SECRET = re.compile(r"\w{2,4}[QRq]~[\w~.-]{31,40}")


def _to_the_plan(visitor: Any, sign_in: Any) -> None:
    visitor.say(f"/setup-email {MAILBOX}")
    values = visitor.page.locator("#generated dd .mono").all_inner_texts()
    card = visitor.card("Continue")
    for label, value in zip(("Call Back URL", "Forwarding Address"), values, strict=True):
        card.get_by_label(label).fill(value)
    visitor.press("Continue", card)
    visitor.press("Ask my administrator", visitor.card("Ask my administrator"))
    _answer_for_administrator(visitor)
    visitor.be("administrator", "direct")
    page = visitor.open("Sign in with Microsoft")
    page.get_by_role("link").click()
    sign_in(page, ADMIN)
    page.close()


def _answer_for_administrator(visitor: Any) -> None:
    field = visitor.page.locator("#messages").get_by_label("Administrator's Webex address").last
    field.wait_for()
    field.fill(ADMIN)
    visitor.press("Send 1:1")


def test_the_whole_setup(visit: Any, sign_in: Any, space: PracticeSpace):
    """Every step is done in the page, by the people whose turn it is, and the channel is proven by an agent's answer."""
    visitor = visit()
    _to_the_plan(visitor, sign_in)
    visitor.be("requester", "space")
    approve = visitor.page.get_by_role("button", name=re.compile(r"^Approve \d+ changes$")).last
    approve.wait_for(timeout=30_000)
    visitor.picture("plan")
    approve.click()
    visitor.press("Approve for the tenant")
    _consent(visitor, sign_in)
    _connect(visitor)
    _prove(visitor, sign_in)
    visitor.picture("done")


def _consent(visitor: Any, sign_in: Any) -> None:
    """Declined first: the bot's page says so in words, and the card leads on."""
    visitor.be("administrator", "space")
    page = visitor.open("Grant admin consent")
    page.get_by_role("link").click()
    sign_in(page, ADMIN, "Decline")
    assert "Practice space" in page.inner_text("body")
    page.close()
    visitor.picture("declined")
    again = visitor.page.locator('.ac-pushButton[aria-label="Send card again"]').last
    again.wait_for(timeout=30_000)
    again.click()
    page = visitor.open("Grant admin consent")
    page.get_by_role("link").click()
    sign_in(page, ADMIN)
    page.close()


def _connect(visitor: Any) -> None:
    """The card's fields and the secret of the one-time page go into Webex Connect's form."""
    visitor.be("requester", "direct")
    page = visitor.open("Show the secret once")
    page.get_by_role("button", name="Show the secret").click()
    secret = page.get_by_label("Client Secret").input_value()
    assert SECRET.fullmatch(secret)
    page.close()
    form = visitor.page.locator("#clouds")
    form.get_by_role("button", name="Copy from the bot's card").click()
    form.get_by_text("Copied from the card.").wait_for()
    form.get_by_label("Client Secret").fill(secret)
    form.get_by_role("button", name="Generate Token").click()
    visitor.page.locator("#ask").get_by_role("button", name="Accept").click()
    form.get_by_text("Press Save.").wait_for()
    form.get_by_role("button", name="Save").click()
    form.get_by_text("Saved.", exact=True).wait_for()
    visitor.press("Token saved")
    form.get_by_role("button", name="Register To Webex Engage").click()
    visitor.page.locator("#ask").get_by_role("button", name="Register").click()
    form.get_by_text("Say so on the bot's card.").wait_for()
    visitor.page.locator(".cardbox.busy").wait_for(state="detached")
    visitor.picture("connect")
    assert secret not in visitor.page.content()
    visitor.press("Registered")


def _prove(visitor: Any, sign_in: Any) -> None:
    """The mailbox user rehearses, the test mail reaches the agent, the agent answers."""
    visitor.be("requester", "space")
    visitor.press("Rehearse")
    page = visitor.open("Sign in as the mailbox")
    page.get_by_role("link").click()
    sign_in(page, MAILBOX)
    page.close()
    has_it = visitor.card("An agent has it")
    visitor.page.get_by_text("has the task").last.wait_for(state="attached")
    visitor.press("An agent has it", has_it)
    visitor.page.get_by_role("button", name="Answer as the agent").click()
    visitor.page.locator("#ask").get_by_role("button", name="Answer").click()
    visitor.page.get_by_text("7501 Submitted").first.wait_for()
    visitor.sees("is connected to Webex Contact Center")
