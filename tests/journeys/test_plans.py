"""Plan cards and their buttons in tenants that are not in the expected state."""

from practice.client import does
from practice.conversation import apps, band, words

BOSS = "boss@contoso.com"
SHUT = {"accountEnabled": False, "appRoleAssignmentRequired": True}
STACK = {"env": {"PACE": "1"}}
"""Product's own pace, because these tests change a tenant while a plan waits."""


def test_what_is_found_after_the_approval_is_asked_for_anew(people, new_walk):
    """A forwarding that is set while the plan waits is not overwritten without a new approval.

    The new plan shows the forwarding. It is asked for before or after the other changes are made.
    """
    walk = new_walk()
    plan = walk.plan()
    people.mailbox(walk.mailbox, forwarding_smtp_address=f"smtp:{BOSS}")
    walk.approve(plan)
    _asks_again(walk, about=BOSS)
    assert "exchange.Set-Mailbox" not in str(walk.writes())
    walk.approve(walk.card("the plan as it is by now", "approve"))
    walk.to_the_proof()
    box = people.tenant()["users"][walk.mailbox]["mailbox"]
    assert BOSS not in str(box["forwarding_smtp_address"])
    _a_fix_asks_for_what_was_changed_under_it(people, walk)
    _a_fix_shows_every_change_that_it_makes(people, walk)


def test_an_onmicrosoft_address_is_told_before_the_approval(people, new_walk):
    """The plan warns of Microsoft's limit for senders with an onmicrosoft.com address.

    The plan can be approved anyway.
    """
    walk = new_walk("service@contoso.com")
    before = people.tenant()["users"]["s.desk@contoso.com"]
    sender = {"mail": "service@contoso.onmicrosoft.com", "aliases": [walk.mailbox]}
    people.patch({"users": {walk.mailbox: sender}})
    plan = walk.plan()
    people.patch({"users": {walk.mailbox: {"mail": before["mail"], "aliases": []}}})
    assert "approve" in does(plan)
    assert "Sends as service@contoso.onmicrosoft.com" in words(plan)
    assert "100 external recipients" in words(plan)
    assert "This mail flow does not need it" in words(plan)


def _asks_again(walk, *, about):
    anew = walk.saying("Not in the plan that was approved", seconds=60)
    assert about in words(anew)
    assert "to approve" in band(anew)
    assert "approve" in does(anew)


def _a_fix_shows_every_change_that_it_makes(people, walk):
    """Assert that a fix of a locked app without a redirect URI lists exactly those changes.

    No existing part is called missing.
    """
    app = apps(people)[0]
    people.patch({"applications": {app["appId"]: {"web": {**app["web"], "redirectUris": []}}}})
    people.patch({"service_principals": {app["appId"]: SHUT}})
    plan = walk.planned("/fix")
    assert band(plan).splitlines()[0].endswith("3 changes to approve. Nothing is changed yet.")
    assert "none" not in {
        part.strip() for line in words(plan).splitlines() for part in line.split("→")
    }
    walk.approve(plan)
    walk.open(walk.card("the sign-in with more permissions", "ask_administrator", link=True))
    walk.people.until("the app, open again", lambda: _opened(people, app["appId"]), 60)


def _opened(people, app_id):
    principals = people.tenant()["service_principals"]
    return next(each for each in principals if each["appId"] == app_id)["accountEnabled"] is True


def _a_fix_asks_for_what_was_changed_under_it(people, walk):
    """Assert that a fix whose test mail would go elsewhere asks again, and then goes on.

    Its plan was only about SMTP AUTH. Then somebody changed the forwarding, and, while the agent was
    asked for an answer, removed the consent without which no answer leaves.
    """
    people.mailbox(walk.mailbox, smtp_auth_disabled=True)
    plan = walk.planned("/fix")
    people.mailbox(walk.mailbox, forwarding_smtp_address="smtp:helpdesk@partner.example")
    walk.approve(plan)
    _asks_again(walk, about="helpdesk@partner.example")
    walk.approve(walk.card("the plan as it is by now", "approve"))
    asked = walk.card("the agent's turn", "agent_has_it", seconds=40)
    people.patch({"drop_grants": apps(people)[0]["appId"]})
    walk.approve(walk.card("the consent to approve", "approve", seconds=30, after=asked["change"]))
    walk.open(walk.card("the sign-in with more permissions", "ask_administrator", link=True))
    walk.answer()
    walk.saying("is fixed", 60)
