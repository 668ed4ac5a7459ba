"""Permissions that the sign-ins of a setup, a fix and an undo request at Microsoft."""

from urllib.parse import parse_qs, urlsplit

import httpx

from practice.client import does, links
from practice.conversation import apps, words
from tests.fixtures.bot_pages import press_button

SHARES_STACK = True

READS = ("Get-", "Test-")
APPS, GRANTS = "Application.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"


def asked(card):
    """Open the card's link in a new browser, and return the permissions requested at Microsoft."""
    with httpx.Client(trust_env=False) as browser:
        _, gone = press_button(browser, links(card)[0])
    scopes = parse_qs(urlsplit(gone.headers["Location"]).query)["scope"][0].split()
    return {scope for scope in scopes if "." in scope}


def writing(names):
    """Return the permissions that allow changes."""
    return {name for name in names if "Write" in name}


def write_calls(people, after):
    """Return the product's calls after that number that could change something at Microsoft.

    A call that the cloud refused counts as well.
    """
    calls = [
        call
        for call in people.control("GET", "calls")["items"]
        if call["number"] > after and (call["path"].startswith("/graph") or call["cmdlet"])
    ]
    assert calls
    return [
        call["cmdlet"] or f"{call['method']} {call['path']}"
        for call in calls
        if not (call["cmdlet"].startswith(READS) if call["cmdlet"] else call["method"] == "GET")
    ]


def now(people):
    """Return the number of the newest call."""
    return max(call["number"] for call in people.control("GET", "calls")["items"])


def sign_in_card(walk):
    """Return the newest card that asks for a sign-in."""
    return walk.card("a sign-in card", "ask_administrator", link=True)


def test_no_permission_is_used_before_its_approval(people, new_walk):
    """A setup signs in once.

    Until the approval it makes no call that could change anything. After that, a fix and an undo
    ask for the permissions of their own plans and for nothing more.
    """
    walk = new_walk()
    before = now(people)
    walk.ask()
    card = walk.details()
    assert writing(asked(card)) == {APPS, GRANTS}
    walk.open(card)
    plan = walk.card("a plan card", "approve")
    assert write_calls(people, before) == []
    walk.approve(plan)
    walk.to_the_proof()
    assert {"POST", "PATCH"} <= {each.partition(" ")[0] for each in write_calls(people, before)}
    _a_fix_at_exchange_writes_nothing_at_graph(people, walk)
    _a_fix_without_a_check_signs_in_again_after_its_approval(people, walk)
    _a_fix_after_a_check_signs_in_once(people, walk)
    _an_undo_signs_in_once(people, walk)


def _a_fix_at_exchange_writes_nothing_at_graph(people, walk):
    """Check that a fix of SMTP AUTH asks for no permission to write.

    The change is made by the person's role in Exchange.
    """
    people.mailbox(walk.mailbox, smtp_auth_disabled=True)
    walk.since = people.now()
    walk.type(f"/fix {walk.mailbox}")
    card = sign_in_card(walk)
    assert (writing(asked(card)), "Policy.Read.All" in asked(card)) == (set(), True)
    walk.open(card)
    walk.approve(walk.card("the plan of the fix", "approve"))
    people.until("SMTP AUTH", lambda: _mailbox(people, walk)["smtp_auth_disabled"] is False, 60)
    walk.type(f"/cancel {walk.mailbox}")


def _mailbox(people, walk):
    return people.tenant()["users"][walk.mailbox]["mailbox"]


def _break_the_app(people):
    app = apps(people)[0]
    people.patch({"applications": {app["appId"]: {"web": {**app["web"], "redirectUris": []}}}})
    return str(app["appId"])


def _redirects(people):
    return list(apps(people)[0]["web"]["redirectUris"])


def _a_fix_after_a_check_signs_in_once(people, walk):
    """Check that a fix after a check signs in once.

    The check found the app wrong, so the sign-in asks for apps at once, and for no grants.
    """
    _break_the_app(people)
    walk.since = people.now()
    walk.type(f"/check {walk.mailbox}")
    check = walk.people.wait_for(
        "a check that offers a sign-in",
        lambda each: bool(each["card"]) and words(each).startswith("Check ") and bool(links(each)),
        after=walk.since,
    )
    assert writing(asked(check)) == set()
    walk.open(check)
    verdict = walk.people.wait_for(
        "the verdict", lambda each: each["id"] == check["id"] and "fix" in does(each), 60
    )
    walk.since = people.now()
    walk.people.press(walk.requester, verdict, "fix")
    card = sign_in_card(walk)
    assert writing(asked(card)) == {APPS}
    walk.open(card)
    walk.approve(walk.card("the plan of the fix", "approve"))
    people.until("the redirect addresses", lambda: bool(_redirects(people)), 60)
    walk.type(f"/cancel {walk.mailbox}")


def _a_fix_without_a_check_signs_in_again_after_its_approval(people, walk):
    """Check that a fix without a check signs in again after its approval.

    The first sign-in only reads. The second one asks for the permission of the approved plan.
    """
    _break_the_app(people)
    walk.since = people.now()
    before = now(people)
    walk.type(f"/fix {walk.mailbox}")
    card = sign_in_card(walk)
    assert writing(asked(card)) == set()
    walk.open(card)
    plan = walk.card("the plan of the fix", "approve")
    walk.since = people.now()
    walk.approve(plan)
    again = sign_in_card(walk)
    assert (APPS in words(again), writing(asked(again))) == (True, {APPS})
    assert (write_calls(people, before), _redirects(people)) == ([], [])
    walk.open(again)
    people.until("the redirect addresses", lambda: bool(_redirects(people)), 60)
    walk.type(f"/cancel {walk.mailbox}")


def _an_undo_signs_in_once(people, walk):
    """Check that an undo signs in once, because its steps are known before the sign-in.

    The sign-in asks for apps and grants, and for no permission beyond its own.
    """
    walk.since = people.now()
    before = now(people)
    people.press(walk.requester, walk.type(f"/undo {walk.mailbox}"), title="Disconnect")
    card = sign_in_card(walk)
    names = asked(card)
    assert (writing(names), "ExchangeMessageTrace.Read.All" in names) == ({APPS, GRANTS}, False)
    walk.open(card)
    plan = walk.card("the plan of the undo", "approve")
    assert write_calls(people, before) == []
    walk.approve(plan)
    walk.saying("is disconnected: the previous values are restored", 60)
