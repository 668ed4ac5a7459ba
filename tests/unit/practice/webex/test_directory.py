"""Tests of people, rooms and memberships as the bot sees them in the practice Webex."""

from __future__ import annotations

from typing import Any


def test_me_is_the_bot(api: Any) -> None:
    """The bot's token belongs to an account of type ``bot``."""
    me = api.call("GET", "/people/me").json
    assert (me["type"], me["emails"], me["displayName"]) == (
        "bot",
        ["email-bot@webex.bot"],
        "Email Bot",
    )


def test_people_are_found_not_listed(api: Any) -> None:
    """A query for people needs an address, a name or ids, and is refused otherwise."""
    found = api.call("GET", "/people?email=ADMIN@contoso.com").json["items"]
    assert ([each["displayName"] for each in found], api.call("GET", "/people").status_code) == (
        ["Ada Admin"],
        400,
    )


def test_a_membership_names_the_organization(api: Any) -> None:
    """GET /memberships returns a member's organization.

    For a person outside the room the list is empty.
    """
    inside = api.call(
        "GET", f"/memberships?roomId={api.room()}&personEmail=admin@contoso.com"
    ).json["items"]
    outside = api.call(
        "GET", f"/memberships?roomId={api.room()}&personEmail=outsider@evil.example"
    ).json["items"]
    assert ([each["personOrgId"] for each in inside], outside) == (
        [api.webex.world.by_email("admin@contoso.com").org_id],
        [],
    )


def test_foreign_rooms_are_unknown(api: Any) -> None:
    """A room without the bot is a 404 for the bot, and so are its members."""
    api.do("/space", {"name": "Private", "members": ["admin@contoso.com"], "bot": False})
    paths = (f"/rooms/{api.room('Private')}", f"/memberships?roomId={api.room('Private')}")
    assert [api.call("GET", path).status_code for path in paths] == [404, 404]


def test_somebody_is_added_once(api: Any) -> None:
    """Adding a member to a room a second time is a 409."""
    body = {"roomId": api.room(), "personEmail": "support@contoso.com"}
    assert [api.call("POST", "/memberships", body).status_code for _ in range(2)] == [200, 409]


def test_a_person_sees_their_own_rooms_only(api: Any) -> None:
    """A person sees their own 1:1 messages and rooms only, in the order of changes, with edits."""
    api.call("POST", "/messages", {"toPersonEmail": "admin@contoso.com", "text": "for the admin"})
    sent = api.call("POST", "/messages", {"roomId": api.room(), "text": "for all"}).json
    api.call("PUT", f"/messages/{sent['id']}", {"roomId": api.room(), "text": "for all, edited"})
    views = {
        who: [
            (each["text"], each["edits"])
            for each in api.do(f"/messages?as={who}", method="GET").json["items"]
        ]
        for who in ("admin@contoso.com", "requester@contoso.com", "outsider@evil.example")
    }
    assert views == {
        "admin@contoso.com": [("for the admin", 0), ("for all, edited", 1)],
        "requester@contoso.com": [("for all, edited", 1)],
        "outsider@evil.example": [],
    }


def test_the_journal_holds_every_write(api: Any) -> None:
    """The journal records each write with its author, but no secret of a webhook."""
    api.call(
        "POST",
        "/webhooks",
        {
            "name": "b",
            "targetUrl": "https://b.example/",
            "resource": "messages",
            "event": "created",
            "secret": "hidden",
        },
    )
    api.do("/say", {"as": "admin@contoso.com", "text": "hello"})
    kept = [(entry.who, entry.action) for entry in api.journal.entries()]
    assert kept == [
        ("email-bot@webex.bot", "webhook.create"),
        ("admin@contoso.com", "message.create"),
    ]
    assert "hidden" not in str(api.journal.entries())
    assert api.journal.counts() == {"webex.message.create": 1, "webex.webhook.create": 1}
