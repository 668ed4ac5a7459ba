"""Incident from ``/check`` to the repaired channel, through the real processes."""

import pytest

from practice.actors import ADMIN, MAILBOX, REQUESTER, SECRET, SPACE
from practice.client import does, has, links
from practice.conversation import band, words
from tests.fixtures.stacks import checked

MEASURED = True
CHANGING = ("graph.", "exchange.")


def answered(people, after):
    """Answer the test mail as the agent, and return the card that says the channel is fixed."""
    asked = people.wait_for("the agent's turn", has("agent_has_it"), 40, after=after["change"])
    people.press(REQUESTER, asked, "agent_has_it")
    task = people.until(
        "the test mail as a task", lambda: people.control("GET", "agent/tasks")["items"][-1:]
    )[0]
    people.control("POST", "agent/answer", {"task": task["id"], "body": "We are here."})
    return people.wait_for(
        "that it is mended",
        lambda m: bool(m["card"]) and "is fixed" in words(m),
        40,
        after=after["change"],
    )


def fix(people):
    """Type ``/fix``, sign in as the administrator, and return the card that asked for that."""
    before = people.now()
    people.say(REQUESTER, f"/fix {MAILBOX}", SPACE)
    card = people.wait_for("a sign-in card", has("ask_administrator", link=True), after=before)
    people.open_link(ADMIN, links(card)[0])
    return card


def writes(people):
    """Return the number of calls to Microsoft since the counts were reset that change something."""
    counts = people.control("GET", "calls")["counts"]
    return {name: count for name, count in counts.items() if name.startswith(CHANGING)}


def test_healthy_and_no_write(channel):
    """A check of a channel that works says so, names its proofs, and writes nothing anywhere."""
    channel.control("POST", "calls/reset")
    card = checked(channel)
    assert "Nothing wrong: mail flows both ways" in band(card)
    assert "does not count as passed" in words(card)
    assert writes(channel) == {}


@pytest.mark.parametrize(
    ("broken", "mended", "first_line", "explained"),
    [
        (
            {"users": {MAILBOX: {"mailbox": {"smtp_auth_disabled": True}}}},
            {"users": {MAILBOX: {"mailbox": {"smtp_auth_disabled": False}}}},
            "SMTP AUTH is off for the mailbox",
            "The bot's own login to the mailbox",
        ),
        (
            {"users": {MAILBOX: {"enabled": False}}},
            {"users": {MAILBOX: {"enabled": True}}},
            "Sign-in is blocked for the account",
            "The bot's own login to the mailbox",
        ),
        (
            {
                "remote_domains": [
                    {"Name": "Default", "DomainName": "*", "AutoForwardEnabled": False}
                ]
            },
            {"remote_domains": []},
            "A remote domain forbids",
            "",
        ),
    ],
)
def test_root_cause_first(channel, broken, mended, first_line, explained):
    """The card's first line names the root cause.

    The consequences of the cause are listed below and are never a second cause.
    """
    channel.patch(broken)
    try:
        card = checked(channel)
    finally:
        channel.patch(mended)
    assert first_line in band(card)
    assert ("Root causes" in words(card)) is False
    assert explained in words(card).partition("Consequences of")[2]


@pytest.mark.parametrize("roles", [["Cloud Application Administrator"], []])
def test_somebody_with_the_role_signs_in_after_who_lacks_it(channel, roles):
    """If the administrator may not read Exchange, the card asks for another one to sign in.

    A Global Reader signs in on the same card. Then the card shows the rest and the cause.
    """
    reader = {
        "roles": ["Global Reader", "Cloud Application Administrator"]
    }  # the second one consents to the bot's app
    channel.control("POST", "snapshot")
    channel.patch({"users": {ADMIN: {"roles": roles}, "helpdesk@contoso.com": reader}})
    channel.control("POST", "fault/policy_off")
    try:
        turn = "Administrator's turn: the account that signed in cannot read everything"
        begun = checked(channel)["change"] - 1
        card = channel.wait_for(turn, lambda m: turn in band(m), after=begun)
        assert "could not be read" in band(card)
        channel.open_link("helpdesk@contoso.com", links(card)[0])
        whole = channel.wait_for(
            "the whole check",
            lambda m: m["id"] == card["id"] and "fix" in does(m),
            after=card["change"],
        )
        assert "The outbound spam policy does not let this mailbox forward" in band(whole)
    finally:
        channel.control("POST", "restore")


def test_a_fix_asks_for_a_new_token(channel):
    """If the newest check names a dead token, a fix plans nothing and asks for Generate Token.

    The fix then proves the new token.
    """
    channel.control("POST", "fault/sessions_revoked")
    assert "revoked" in band(checked(channel))
    sign_in = fix(channel)
    form = channel.wait_for("the form", has("token_saved", link=True), 40, after=sign_in["change"])
    assert "Press Generate Token" in band(form)
    assert links(form)[0].endswith(".webexconnect.io")
    channel.control("POST", "connect/generate_token", {"as": MAILBOX})
    channel.control("POST", "connect/save", {})
    channel.press(REQUESTER, form, "token_saved")
    answered(channel, form)


def test_a_fix_renews_the_secret_and_removes_the_old_one(channel):
    """A fix of an expired secret plans a new secret and the removal of the old one.

    The old secret is removed only after an answer has left with the new one. No check had seen the
    expired secret, so the permission is asked for after the approval.
    """
    channel.control("POST", "fault/secret_expired")
    plan = channel.wait_for("a plan", has("approve"), 40, after=fix(channel)["change"])
    assert "2 changes to approve" in band(plan)
    channel.control("POST", "calls/reset")
    channel.press(REQUESTER, plan, "approve")
    again = channel.wait_for(
        "the sign-in with more permissions",
        lambda m: (
            has("ask_administrator", link=True)(m) and "Application.ReadWrite.All" in words(m)
        ),
        after=plan["change"],
    )
    assert writes(channel) == {}
    channel.open_link(ADMIN, links(again)[0])
    form = channel.wait_for("the form", has("token_saved", link=True), 40, after=plan["change"])
    secret = SECRET.search(channel.open_link(REQUESTER, links(form)[0]).text)
    assert secret is not None
    assert writes(channel) == {"graph.add_password": 1}
    channel.control("POST", "connect/app", {"client_secret": secret.group()})
    channel.control("POST", "connect/generate_token", {"as": MAILBOX})
    channel.control("POST", "connect/save", {})
    channel.press(REQUESTER, form, "token_saved")
    assert "2 made, 1 can be undone" in words(answered(channel, form))
    assert writes(channel) == {"graph.add_password": 1, "graph.remove_password": 1}


@pytest.mark.parametrize(
    ("prefix", "fault", "name"),
    [("/adminapi", {"delay_s": 12.0}, "Exchange"), ("/graph", {"status": 503}, "Graph")],
)
def test_a_cloud_that_is_down_is_named_while_the_check_still_asks(channel, prefix, fault, name):
    """The card names a cloud that gives no answer, long before the check gives that cloud up."""
    card = checked(channel, signed_in=False)
    channel.control("POST", "faults", {"prefix": prefix, "times": 1000, **fault})
    try:
        channel.open_link(ADMIN, links(card)[0])
        told = channel.wait_for(
            "the silent cloud",
            lambda m: m["id"] == card["id"] and f"No answer so far from {name}" in words(m),
            after=card["change"],
        )
    finally:
        channel.control("DELETE", "faults")
    assert "ooking" in words(told)
    channel.wait_for(
        "the end",
        lambda m: m["parentId"] == card["parentId"] and "ooking" not in words(m),
        90,
        after=told["change"],
    )
