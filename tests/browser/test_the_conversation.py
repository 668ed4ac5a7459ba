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
    visitor.card("Grant admin consent")
