"""Tests of webhook notifications: their recipients, their signature, and when Webex gives up."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import pytest

from tests.fixtures.waiting import until

SECRET = "a-secret-of-some-length"


def subscribe(
    api: Any, receiver: Any, resource: str = "messages", event: str = "created", **more: Any
) -> Any:
    """Register a webhook of the bot for the receiver, and return it."""
    body = {
        "name": "bot",
        "targetUrl": receiver.url,
        "resource": resource,
        "event": event,
        "secret": SECRET,
        **more,
    }
    return api.call("POST", "/webhooks", body).json


def test_a_mention_is_notified_thin_and_signed(api: Any, receiver: Any) -> None:
    """In a space only a mention is notified, with ids but without the text.

    The notification is signed with HMAC-SHA1 over its raw bytes.
    """
    hook = subscribe(api, receiver)
    api.say(mention=False)
    said = api.say().json["id"]
    payload = receiver.wait(1)[0]
    headers, raw = receiver.got[0]
    assert headers["X-Spark-Signature"] == hmac.new(SECRET.encode(), raw, hashlib.sha1).hexdigest()
    created = payload["data"].pop("created")
    assert payload["data"] == {
        "id": said,
        "roomId": api.room(),
        "roomType": "group",
        "personId": api.person("requester@contoso.com"),
        "personEmail": "requester@contoso.com",
    }
    kept = {
        key: payload[key]
        for key in ("id", "resource", "event", "status", "ownedBy", "actorId", "createdBy")
    }
    assert kept == {
        "id": hook["id"],
        "resource": "messages",
        "event": "created",
        "status": "active",
        "ownedBy": "creator",
        "actorId": api.person("requester@contoso.com"),
        "createdBy": api.person("email-bot@webex.bot"),
    }
    assert (created[-1], len(receiver.got)) == ("Z", 1)


def test_the_bots_own_posts_fire_too(api: Any, receiver: Any) -> None:
    """A bot is notified of its own posts as well."""
    subscribe(api, receiver)
    sent = api.post().json["id"]
    assert receiver.wait(1)[0]["data"]["id"] == sent


def test_a_press_is_notified_to_the_cards_author_without_inputs(api: Any, receiver: Any) -> None:
    """The notification of a button press has no inputs.

    A webhook for all resources does not include ``attachmentActions``.
    """
    subscribe(api, receiver, "all", "all", filter="")
    subscribe(api, receiver, "attachmentActions")
    card = {
        "type": "AdaptiveCard",
        "version": "1.3",
        "actions": [{"type": "Action.Submit", "title": "Go", "data": {"do": "go"}}],
    }
    sent = api.post(card).json["id"]
    api.do("/press", {"as": "admin@contoso.com", "message_id": sent, "title": "Go"})
    payloads = {payload["resource"]: payload["data"] for payload in receiver.wait(2)}
    assert set(payloads) == {"messages", "attachmentActions"}
    assert set(payloads["attachmentActions"]) == {
        "id",
        "type",
        "messageId",
        "personId",
        "roomId",
        "created",
    }


def test_being_added_is_notified_with_the_organization(api: Any, receiver: Any) -> None:
    """The notification of a new member has the member's address and organization."""
    subscribe(api, receiver, "memberships", filter=f"personId={api.person('email-bot@webex.bot')}")
    api.do("/space", {"name": "New", "members": ["outsider@evil.example"]})
    payload = receiver.wait(1)[0]
    assert (payload["data"]["personEmail"], payload["actorId"]) == (
        "email-bot@webex.bot",
        api.person("outsider@evil.example"),
    )
    assert payload["data"]["personOrgId"]


def test_a_failed_notification_is_tried_again(api: Any, receiver: Any) -> None:
    """A notification that is answered with 503 is sent again."""
    receiver.status = 503
    subscribe(api, receiver)
    api.say()
    receiver.wait(1)
    receiver.status = 200
    receiver.wait(2)
    assert api.do("/webhooks", method="GET").json["items"][0]["failures"] == 1


def test_a_hundred_failures_stop_a_webhook(api: Any) -> None:
    """A webhook becomes inactive after a hundred failures.

    After it is activated again, one failure stops it.
    """
    hook = api.call(
        "POST",
        "/webhooks",
        {
            "name": "b",
            "targetUrl": "http://127.0.0.1:9/",
            "resource": "messages",
            "event": "created",
        },
    ).json
    record = api.webex.world.webhooks[hook["id"]]
    record.failures.extend([time.monotonic()] * 98)
    api.say()
    until(lambda: record.status == "inactive")
    again = api.call(
        "PUT",
        f"/webhooks/{hook['id']}",
        {"name": "b", "targetUrl": "http://127.0.0.1:9/", "status": "active"},
    ).json
    assert (again["status"], len(record.failures)) == ("active", 0)
    api.say()
    until(lambda: record.status == "inactive")
    assert len(record.failures) == 1


def test_an_update_changes_only_what_may_change(api: Any, receiver: Any) -> None:
    """An update changes only a webhook's name, target and secret.

    An update cannot switch a webhook off.
    """
    hook = subscribe(api, receiver)
    body = {
        "name": "new",
        "targetUrl": "https://new.example/",
        "secret": "new",
        "resource": "rooms",
    }
    changed = api.call("PUT", f"/webhooks/{hook['id']}", body).json
    assert changed == hook | {"name": "new", "targetUrl": "https://new.example/", "secret": "new"}
    assert (
        api.call("PUT", f"/webhooks/{hook['id']}", body | {"status": "inactive"}).status_code == 400
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"targetUrl": "nowhere"},
        {"resource": "mail"},
        {"event": "pressed"},
        {"filter": "color=red"},
    ],
)
def test_bad_subscriptions_are_refused(api: Any, change: dict[str, str]) -> None:
    """A webhook with a wrong value in any of its fields is refused."""
    body = {
        "name": "b",
        "targetUrl": "https://b.example/",
        "resource": "messages",
        "event": "created",
    } | change
    assert (api.call("POST", "/webhooks", body).status_code, api.webex.world.webhooks) == (400, {})
