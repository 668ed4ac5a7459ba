"""Shared mailbox in its usual state: its own account may not sign in, so a delegate does."""

from __future__ import annotations

from typing import Any

from practice.actors import AGENT
from practice.client import People
from practice.conversation import words

SHARED = "shared@contoso.com"
TICK = "Tick Use different email address than the asset email ID for generating tokens"


def test_a_delegate_signs_in_for_a_shared_mailbox(people: People, new_walk: Any) -> None:
    """A delegate with rights to a shared mailbox signs in for rehearsal, form and proof.

    The plan warns, and the grant for all users has an approval of its own.
    """
    rights = {"mailbox": {"full_access": [AGENT], "send_as": [AGENT]}}
    people.control("PATCH", "tenants/contoso.com", {"consent": [], "users": {SHARED: rights}})
    walk = new_walk(SHARED)
    plan = walk.plan(profile="least")
    assert (
        f"M1 Mailbox and Exchange licence: {SHARED} may not sign in. That is usual for a shared mailbox"
        in words(plan)
    )
    assert (
        "M1 Mailbox" in words(plan).partition("Already right")[2].partition("\n")[0],
        "every user of the tenant" in words(plan),
    ) == (
        False,
        True,
    )
    walk.approve(plan)
    form = walk.form()
    assert TICK in words(form)
    assert "The address of the user who signs in for the mailbox" in words(form)
    walk.rehearse("support@contoso.com")
    assert "535 5.7.3" in words(walk.saying("gives this user rights to the mailbox"))
    walk.rehearse(AGENT)
    walk.saying(f"{AGENT} can log in by SMTP for {SHARED}")
    walk.saying(f"sign in as {AGENT}")
    walk.fill_in(AGENT)
    walk.answer()
    assert f"{SHARED} is connected to Webex Contact Center" in words(walk.done())
