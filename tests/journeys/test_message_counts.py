"""Number of the bot's messages in all rooms together, for a setup, a check and a fix."""

from __future__ import annotations

import sys
from typing import Any

from adaptive_cards.texts import text
from practice.actors import ADMIN
from practice.client import People, does, is_done_card
from practice.conversation import Walk, band, fresh, words

SETUP_MOST = 5
CHECK_MOST = 1
FIX_MOST = 2
EDITS_MOST = 10
"""Maximum number of edits that Webex takes of one message (platforms/webex.md 2)."""
HELP = "What the bot can do"


def posted(people: People, before: set[str]) -> list[dict[str, Any]]:
    """Return the bot's new messages, except the help with which it says hello, and print them."""
    people.look()
    mine = [
        each
        for each in people.messages.values()
        if each["id"] not in before
        and each["from"].endswith("@webex.bot")
        and HELP not in words(each)
    ]
    lines = [
        f"{each['edits']:3} edits  {', '.join(each['members'])[:60]:60}  {band(each)[:70]!r}"
        for each in mine
    ]
    total = f"{len(mine)} messages, {sum(each['edits'] for each in mine)} edits"
    sys.stdout.write("\n".join(["", *lines, total, ""]))
    return mine


def seen(people: People) -> set[str]:
    """Return the ids of all messages so far."""
    people.look()
    return set(people.messages)


def test_few_messages(people: People, new_walk: Any) -> None:
    """A setup, a check and a fix take few messages, and no message is edited too often.

    The administrator of the setup is asked 1:1. The fix is of the fault that the check found.
    """
    walk = new_walk()
    fresh(people, dehydrated=True)
    walk.saying(text("understood.space_title"))
    before = seen(people)
    walk.ask()
    asked = walk.details()
    walk.press(asked, "ask_administrator", {"administrator": ADMIN})
    walk.saying(f"{ADMIN}'s turn: asked in a 1:1 message")
    walk.open(walk.card("the administrator's card", link=True, member=ADMIN))
    walk.approve(walk.card("a plan card", "approve"))
    walk.to_the_proof()
    setup = posted(people, before)
    assert len(setup) <= SETUP_MOST, [band(each) for each in setup]
    assert max(each["edits"] for each in setup) <= EDITS_MOST
    checks = _check(people, walk)
    _fix(people, walk, checks)


def _check(people: People, walk: Walk) -> dict[str, Any]:
    """Break the mailbox, check it with a sign-in, and return the verdict's card."""
    off = {"users": {walk.mailbox: {"mailbox": {"smtp_auth_disabled": True}}}}
    people.control("PATCH", "tenants/contoso.com", off)
    before, since = seen(people), people.change
    walk.type(f"/check {walk.mailbox}")
    without = walk.card("a finished check", "check", link=True, seconds=40, after=since)
    since = people.change
    walk.open(without)
    verdict = walk.card("the verdict", "fix", seconds=40, after=since)
    assert len(posted(people, before)) <= CHECK_MOST
    return verdict


def _fix(people: People, walk: Walk, verdict: dict[str, Any]) -> None:
    """Fix the fault from the verdict's card, and check that the card says so at the end."""
    before, since = seen(people), people.change
    people.press(walk.requester, verdict, "fix")
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True, after=since))
    walk.approve(walk.card("the plan of the fix", "approve", after=since))
    later = Walk(people, walk.mailbox, walk.room)
    later.answer()
    walk.wait("the end", is_done_card, 60, since)
    assert len(posted(people, before)) <= FIX_MOST
    fixed = walk.wait(
        "the verdict as it is now",
        lambda each: each["id"] == verdict["id"] and "Fixed" in band(each),
        40,
        since,
    )
    assert "fix" not in does(fixed), words(fixed)
