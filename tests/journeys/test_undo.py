"""Undo, which returns the tenant to its state before the setup.

Changes that other people have made since then stay.
"""

import signal
from functools import reduce
from operator import getitem

from practice.actors import ADMIN
from practice.conversation import band, words

SHARES_STACK = True

MAILBOX = "support@contoso.com"


def tenant(people):
    """Return all of the tenant contoso.com as an administrator sees it.

    Consents of the administrator alone are left out, because each kind of sign-in adds its own.
    """
    found = people.tenant()
    admin = found["users"][ADMIN]["id"]
    return found | {"grants": [each for each in found["grants"] if each["principalId"] != admin]}


def test_there_and_back(people, stack, new_walk):
    """An undo returns the tenant to its state before the setup, although every worker is killed.

    After that, the mailbox can be set up again.
    """
    walk = new_walk()
    walk.plan()
    before = tenant(people)
    walk.approve()
    walk.to_the_proof()
    _undo_a_fix(people, walk)
    made = walk.writes()
    plan = walk.planned("/undo")
    assert (band(plan).splitlines()[0], walk.writes()) == (
        f"◆  Disconnect {MAILBOX}? After this no mail of {MAILBOX} reaches an agent.",
        made,
    )
    held = {
        "method": "DELETE",
        "prefix": "/graph/v1.0/servicePrincipals/",
        "process": True,
        "times": 1,
        "delay_s": 2,
    }
    people.control("POST", "faults", held)
    walk.approve(plan)
    people.until("a removal is held", lambda: not people.control("GET", "faults")["items"], 30)
    stack.kill("worker", signal.SIGKILL, whole=True)
    stack.processes["worker"].stop()
    stack.start("worker")
    done = walk.saying("is disconnected: the previous values are restored", 60)
    assert "Never delete a registered app" in words(done)
    assert tenant(people) == before
    assert "No channel is connected in this space" in words(walk.type("/check"))
    assert "There is nothing to undo" in words(walk.type(f"/undo {MAILBOX}"))
    _again(people, walk)


def _undo_a_fix(people, walk):
    """Cancel a fix and undo only that: the channel stays connected.

    After the fix, ``/undo`` asks which of both is meant.
    """
    people.mailbox(MAILBOX, smtp_auth_disabled=True)
    broken = tenant(people)
    walk.approve(walk.planned("/fix"))
    box = "users", MAILBOX, "mailbox", "smtp_auth_disabled"
    people.until("SMTP AUTH is on", lambda: reduce(getitem, box, tenant(people)) is False, 60)
    walk.type(f"/cancel {MAILBOX}")
    cancelled = walk.saying("These changes remain")
    which = walk.type(f"/undo {MAILBOX}")
    assert f"Disconnect: after this no mail of {MAILBOX} reaches an agent" in words(which)
    walk.since = people.now()
    people.press(walk.requester, cancelled, "undo")
    walk.open(walk.card("a sign-in for the undo", "ask_administrator", link=True))
    plan = walk.card("the plan of the undo", "approve")
    assert f"mail of {MAILBOX} may stop" in band(plan)
    assert "Undo 1 change" in str(plan["card"])
    walk.approve(plan)
    walk.saying("is undone: the previous values are restored", 60)
    assert tenant(people) == broken
    assert MAILBOX in words(walk.type("/channels"))
    people.mailbox(MAILBOX, smtp_auth_disabled=None)


def _lost(people, walk):
    """Lose the secret that was shown, and get a new one within the run.

    The old secret is removed after the new one was shown.
    """
    walk.secret(walk.form())
    gone = walk.card("the button New secret", "new_secret", member=walk.requester)
    walk.people.press(walk.requester, gone, "new_secret")
    walk.revealed = False
    walk.secret(
        walk.card(
            "a new link",
            "token_saved",
            link=True,
            member=walk.requester,
            seconds=40,
            after=gone["change"],
        )
    )
    people.until(
        "one secret is left",
        lambda: len(tenant(people)["applications"][0]["passwordCredentials"]) == 1,
        30,
    )


def _again(people, walk):
    """Set up again and undo, while another person changes the mailbox and the app.

    A deleted app keeps its name for 30 days, so the next app has another name.
    """
    walk.since, walk.revealed = walk.people.now(), False
    walk.approve(walk.plan())
    walk.consent()
    _lost(people, walk)
    walk.type(f"/cancel {MAILBOX}")
    (app,) = tenant(people)["applications"]
    people.mailbox(MAILBOX, smtp_auth_disabled=True)
    people.patch({"applications": {app["appId"]: {"keyCredentials": [{"keyId": "1"}]}}})
    plan = walk.planned("/undo")
    stays = [
        line.strip("▲ ").partition(":")[0]
        for line in words(plan).splitlines()
        if line.startswith("▲")
    ]
    assert stays[:-1] == [
        "E1 App registration",
        "E1 Enterprise application",
        "M2 Authenticated SMTP",
    ]
    walk.approve(plan)
    walk.saying("is disconnected. Some values stay as they are", 60)
    after = tenant(people)
    box = after["users"][MAILBOX]["mailbox"]
    assert box["smtp_auth_disabled"] is True
    assert box["forwarding_smtp_address"] is None
    assert after["outbound_rules"] == []
    assert [(each["appId"], each["passwordCredentials"]) for each in after["applications"]] == [
        (app["appId"], [])
    ]
