"""The whole way, from the command to the proven channel, by each of its roads."""

from __future__ import annotations

from typing import Any

from practice.client import People
from practice.walk import apps, band, fresh, words


def test_article_profile_in_a_space(people: People, new_walk: Any) -> None:
    """The article's profile is set up, proven, and proven again without a single write."""
    walk = new_walk()
    fresh(people, dehydrated=True)
    plan = walk.plan()
    assert (walk.writes(), band(plan).splitlines()[0]) == ([], "◆  11 changes to approve. Nothing is changed yet.")
    walk.approve(plan)
    walk.consent()
    walk.fill_in()
    walk.rehearse()
    walk.answer()
    done = walk.done()
    assert band(done).splitlines()[0] == "✓  support@contoso.com is connected to Webex Contact Center"
    app = apps(people)[0]
    assert sorted(item["displayName"].partition(",")[0][:11] for item in app["passwordCredentials"]) == ["Webex Conne", "Webex email"]
    assert len(apps(people)) == 1
    _again_changes_nothing(walk)


def _again_changes_nothing(walk: Any) -> None:
    before = walk.writes()
    known = walk.ask()
    assert band(known).splitlines()[0] == "✓  support@contoso.com is connected already. Nothing was changed."
    card = walk.press(known, "setup_again", {})
    assert "intake" in str(card["card"])
    walk.open(walk.details())
    plan = walk.saying("Nothing has to be changed")
    assert walk.writes() == before, words(plan)


def test_least_privilege_in_a_direct_message(people: People, new_walk: Any) -> None:
    """1:1, without the address in the command, with the profile chosen on the first card: no E2, no Mail.Send."""
    walk = new_walk("service@contoso.com", room="direct")
    card = walk.type("/setup-email")
    assert "mailbox" in str(card["card"])
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
    assert (app["web"]["implicitGrantSettings"]["enableAccessTokenIssuance"], "dc890d15" in str(app["requiredResourceAccess"])) == (
        False,
        False,
    )
