"""Whole way from the command to the proven channel, with each permission profile.

The messages of a setup, a check and a fix in all rooms together are few.
"""

import json

from adaptive_cards.texts import text
from practice.actors import ADMIN, REQUESTER
from practice.client import does, is_done_card
from practice.conversation import Walk, apps, band, fresh, words

MEASURED = True
SHARES_STACK = True
SETUP_MOST, CHECK_MOST, FIX_MOST = 5, 1, 2
EDITS_MOST = 10
"""Maximum number of edits that Webex takes of one message (platforms/webex.md 2)."""
HELP = "What the bot can do"


def posted(people, before):
    """Return the bot's new messages, except the help with which it says hello."""
    new = [each for each in people.posted() if each["id"] not in before]
    return [each for each in new if HELP not in words(each)]


def seen(people):
    """Return the ids of all messages so far."""
    people.look()
    return set(people.messages)


def test_article_profile_in_a_space(people, new_walk):
    """A setup with the article's profile is proven, and a second setup changes nothing.

    The administrator is asked 1:1. A setup, a check and a fix of the fault that the check found
    take few messages, and no message is edited too often.
    """
    people.control("POST", "calls/reset")
    walk = new_walk()
    fresh(people, dehydrated=True)
    walk.saying(text("understood.space_title"))
    before = seen(people)
    walk.ask()
    walk.press(walk.details(), "ask_administrator", {"administrator": ADMIN})
    walk.saying(f"{ADMIN}'s turn: asked in a 1:1 message")
    walk.open(walk.card("the administrator's card", link=True, member=ADMIN))
    plan = walk.card("a plan card", "approve")
    assert walk.writes() == []
    assert band(plan).splitlines()[0] == "◆  11 changes to approve. Nothing is changed yet."
    walk.approve(plan)
    done = walk.to_the_proof()
    setup = posted(people, before)
    assert len(setup) <= SETUP_MOST, [band(each) for each in setup]
    assert max(each["edits"] for each in setup) <= EDITS_MOST
    assert (
        band(done).splitlines()[0] == "✓  support@contoso.com is connected to Webex Contact Center"
    )
    app = apps(people)[0]
    assert sorted(
        item["displayName"].partition(",")[0][:11] for item in app["passwordCredentials"]
    ) == ["Webex Conne", "Webex email"]
    assert len(apps(people)) == 1
    _on_record(people, walk)
    _fix(people, walk, _check(people, walk))
    _again_changes_nothing(walk)


def _check(people, walk):
    """Break the mailbox, check it with a sign-in, and return the verdict's card."""
    people.mailbox(walk.mailbox, smtp_auth_disabled=True)
    before, since = seen(people), people.change
    walk.type(f"/check {walk.mailbox}")
    without = walk.card("a finished check", "check", link=True, seconds=40, after=since)
    since = people.change
    walk.open(without)
    verdict = walk.card("the verdict", "fix", seconds=40, after=since)
    assert len(posted(people, before)) <= CHECK_MOST
    return verdict


def _fix(people, walk, verdict):
    """Fix the fault from the verdict's card, and check that the card says so at the end."""
    before, since = seen(people), people.change
    people.press(walk.requester, verdict, "fix")
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True, after=since))
    walk.approve(walk.card("the plan of the fix", "approve", after=since))
    Walk(people, walk.mailbox, walk.room).answer()
    walk.wait("the end", is_done_card, 60, since)
    assert len(posted(people, before)) <= FIX_MOST
    fixed = walk.wait(
        "the verdict as it is now",
        lambda each: each["id"] == verdict["id"] and "Fixed" in band(each),
        40,
        since,
    )
    assert "fix" not in does(fixed), words(fixed)


def _ids_of_writes(people):
    """Return Microsoft's request ids of the calls that change something."""
    writes = ("PATCH", "DELETE", "New-", "Set-", "Enable-", "Remove-")
    calls = people.control("GET", "calls")["items"]
    return {
        call["request_id"]
        for call in calls
        if (call["cmdlet"] or call["method"]).startswith(writes) and call["request_id"]
    }


def _on_record(people, walk):
    """Assert that the audit trail names the people and every changing call.

    The trail says who asked, signed in and approved. Each call is named by Microsoft's request id.
    """
    before = people.now()
    walk.type(f"/audit {walk.mailbox}")
    posted = people.wait_for("the trail as a file", lambda each: bool(each["files"]), 20, before)
    assert "The trail is intact." in words(walk.saying("The trail is intact.", after=before))
    file = people.file(posted).text
    trail = [json.loads(line) for line in file.splitlines()]
    who = {entry["what"]: entry["by"] for entry in trail if "by" in entry}
    people_of = [who[each] for each in ("opened", "signed_in", "approved", "finished")]
    assert people_of == [REQUESTER, ADMIN, REQUESTER, "bot"]
    made = _ids_of_writes(people)
    assert made
    assert {each for each in made if each not in file} == set()


def _again_changes_nothing(walk):
    before = walk.writes()
    known = walk.ask()
    assert (
        band(known).splitlines()[0]
        == "✓  support@contoso.com is already connected. Nothing was changed."
    )
    walk.open(walk.press(known, "setup_again", {}))
    plan = walk.saying("Nothing has to be changed")
    assert walk.writes() == before, words(plan)


def test_least_privilege_in_a_direct_message(people, new_walk):
    """A setup 1:1 with the least profile grants neither E2 nor Mail.Send.

    The command has no address, and the profile is chosen on the first card.
    """
    walk = new_walk("service@contoso.com", room="direct")
    assert "mailbox" in str(walk.type("/setup-email")["card"])
    walk.open(walk.details(mailbox=walk.mailbox, profile="least"))
    plan = walk.card("a plan card", "approve")
    assert "least_privilege" not in str(plan["card"])
    assert not {line.split()[0] for line in words(plan).splitlines() if line[:2] in {"E2", "E4"}}
    walk.approve(plan)
    walk.mailbox = "s.desk@contoso.com"
    walk.fill_in()
    walk.rehearse()
    walk.mailbox = "service@contoso.com"
    walk.answer()
    walk.done()
    app = apps(people)[0]
    assert app["web"]["implicitGrantSettings"]["enableAccessTokenIssuance"] is False
    assert "dc890d15" not in str(app["requiredResourceAccess"])
