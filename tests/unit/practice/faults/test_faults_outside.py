"""Services outside the mail flow, over HTTP.

They are Webex Connect's messaging API, the contact center, the status page, and Microsoft's service
health.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.fixtures.waiting import until

Json = dict[str, Any]
MAIL = {
    "channel": "email",
    "from": "support@contoso.com",
    "to": [{"email": ["kim@customer.example"], "correlationId": "R1"}],
}
MAIL |= {"content": {"type": "text", "subject": "Test", "text": "Hello"}}


def send(channel: Any, key: str | None = None, **more: Any) -> Any:
    """A mail by the API."""
    own = channel.cloud.settings.connect_key
    return channel.http.post(
        "/connect/v2/messages", json=MAIL | more, headers={"key": own if key is None else key}
    )


def code_of(channel: Any, number: str) -> str:
    """Return the mail's receipt code, once the mail server has answered."""
    path, headers = f"/connect/v2/messages/{number}", {"key": channel.cloud.settings.connect_key}
    return str(until(lambda: channel.http.get(path, headers=headers).json()["code"], "the receipt"))


@pytest.mark.parametrize(
    ("fault", "code"), [("", "7501"), ("smtp_auth_off_mailbox", "7553"), ("secret_expired", "7553")]
)
def test_a_mail_by_the_messaging_api(channel: Any, fault: str, code: str):
    """A mail of the messaging API uses the same login as answers, so its code shows what stops them."""
    channel.http.patch("/practice/outside", json={"polling": True})
    if fault:
        assert channel.post(f"fault/{fault}").status_code == 200
    sent = send(channel)
    assert (sent.status_code, sent.json()["status"]) == (201, "queued")
    assert code_of(channel, sent.json()["messageId"]) == code


@pytest.mark.parametrize(
    ("key", "more", "answer"),
    [
        ("", {}, (401, "7002")),
        ("wrong", {}, (401, "7001")),
        (None, {"from": "sales@contoso.com"}, (400, "7104")),
    ],
)
def test_what_the_messaging_api_refuses(
    channel: Any, key: str | None, more: Json, answer: tuple[int, str]
):
    """Each with its code."""
    told = send(channel, key, **more)
    assert (told.status_code, told.json()["code"]) == answer


def test_a_refusal_on_demand_ends_with_a_restore(channel: Any):
    """A fault of the service, and everything as it was."""
    channel.post("fault/connect_address_not_allowed")
    assert (send(channel).status_code, send(channel).json()["code"]) == (403, "7010")
    channel.post("restore")
    assert send(channel).status_code == 201


def test_asking_for_a_status_is_for_select_clients(channel: Any):
    """Unless it is switched on, the question is not offered (facts/connect.md 2.2)."""
    number = send(channel).json()["messageId"]
    assert (
        channel.http.get(
            f"/connect/v2/messages/{number}", headers={"key": channel.cloud.settings.connect_key}
        ).status_code
        == 403
    )


def test_tasks_and_entry_points_of_the_contact_center(channel: Any):
    """The API lists email tasks and the app's entry point, with a token and for its own organization."""
    assert channel.stops("Hello tasks") == ""
    settings = channel.cloud.settings
    bearer = {"Authorization": f"Bearer {settings.contact_center_token}"}
    end = int(time.time() * 1000) + 1000
    span = {"from": str(end - 3_600_000), "to": str(end), "channelTypes": "email"}
    task = channel.http.get("/contact-center/v1/tasks", params=span, headers=bearer).json()["data"][
        -1
    ]["attributes"]
    assert (task["origin"], task["destination"], task["status"]) == (
        "kim@customer.example",
        "support@contoso.com",
        "completed",
    )
    assert (
        channel.http.get(
            "/contact-center/v1/tasks", params=span | {"to": "1"}, headers=bearer
        ).json()["data"]
        == []
    )
    points = f"/contact-center/organization/{settings.contact_center_org}/v2/entry-point"
    assert [
        point.get("assetId", point["channelType"])
        for point in channel.http.get(points, headers=bearer).json()["data"]
    ] == [channel.ground.connect.app_id, "TELEPHONY"]
    assert (
        channel.http.get(
            points.replace(settings.contact_center_org, "other"), headers=bearer
        ).status_code
        == 404
    )
    assert channel.http.get(points).status_code == 401


def test_the_status_page_is_open_to_everybody(channel: Any):
    """The status page needs no token and is empty until an incident begins."""
    assert channel.http.get("/status/unresolved-incidents.json").json() == {"incidents": []}
    channel.post("fault/webex_incident")
    assert [
        each["publicationId"]
        for each in channel.http.get("/status/unresolved-incidents.json").json()["incidents"]
    ] == ["PUB0010751"]


def test_unknown_words_are_refused(channel: Any):
    """The control route says which ones it knows."""
    assert channel.http.patch("/practice/outside", json={"weather": "rain"}).status_code == 400
