"""Tests of the practice services outside the mail flow, over HTTP.

They are the contact center, the status page, and the audit log of Webex Connect.
"""

from __future__ import annotations

import time
from typing import Any

import pytest


def test_tasks_and_entry_points_of_the_contact_center(channel: Any):
    """The contact center's API lists email tasks and the entry point of the email app.

    The API needs a token, and answers for its own organization only.
    """
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
    channel.post("fault/webex_maintenance")
    page = channel.http.get("/status/active-scheduled-maintenances.json").json()
    assert [each["status"] for each in page["scheduled_maintenances"]] == ["in_progress"]


def test_unknown_words_are_refused(channel: Any):
    """The control route of the outside services answers 400 to a setting that it does not know."""
    assert channel.http.patch("/practice/outside", json={"weather": "rain"}).status_code == 400


def test_webex_connect_keeps_its_secret_its_service_and_its_own_mails(channel: Any):
    """The form never shows the secret, the service stays, and a mail to its sender starts no task.

    Webex Connect's log has only a line that such a mail was dropped.
    """
    assert channel.post("connect/register", service="another").status_code == 409
    own = {"from": "support@contoso.com", "to": "support@contoso.com"}
    channel.post("mail/customer", **own, subject="x", body="x")
    assert channel.tasks() == []
    assert "dropped" in {
        each["code"] for each in channel.http.get("/practice/connect/log").json()["items"]
    }
    form = channel.post("connect/app", port="587")
    assert (form.status_code, "secret-of-the-email-app" in form.text) == (200, False)


AUDIT = "/connectapi/v1/auditlogs"
SPAN = {"range": "custom", "from": "2020-01-01T00:00:00.000Z", "to": "2099-01-01T00:00:00.000Z"}


def audit(channel: Any, method: str = "POST", token: str = "", **more: Any) -> Any:
    """Ask the audit log of Webex Connect, and return its answer."""
    own = token or channel.cloud.settings.connect_audit_token
    return channel.http.request(
        method, AUDIT, json=SPAN | more, headers={"Authorization": f"Bearer {own}"}
    )


def events(answer: Any) -> list[tuple[str, str]]:
    """Return the event of each entry of the audit log, and whether the action went well."""
    rows = answer.json()["auditLogs"]
    return [(row["eventDescription"], row["statusOfAction"]) for row in rows]


def test_the_audit_log_tells_what_was_changed_and_by_whom(channel: Any):
    """The audit log has entries of the setup, of a fault and of a refused press, newest first.

    An entry names the person who acted, and the log comes in pages.
    """
    before = events(audit(channel))
    assert before[-1] == ("createApp", "SUCCESS")
    channel.post("fault/connect_asset_deleted")
    channel.post("connect/app", port="")
    assert channel.post("connect/save", **{"as": "kim@contoso.com"}).status_code == 409
    told = audit(channel)
    assert events(told) == [("updateApp", "ERROR"), ("deleteApp", "SUCCESS"), *before]
    newest = told.json()["auditLogs"][0]
    assert (newest["actorEmail"], newest["eventCategory"], newest["created"][-1]) == (
        "kim@contoso.com",
        "ERROR",
        "Z",
    )
    page = audit(channel, offset=1, max=1).json()
    assert (page["totalRecords"], page["resultSize"]) == (len(before) + 2, 1)
    assert events(audit(channel, eventCategories="deleteApp")) == [("deleteApp", "SUCCESS")]


@pytest.mark.parametrize(
    ("method", "token", "more", "status"),
    [
        ("GET", "", {}, 405),
        ("POST", "wrong", {}, 401),
        ("POST", "", {"from": "yesterday"}, 400),
        ("POST", "", {"to": None}, 400),
        ("POST", "", {"range": "6"}, 400),
        ("POST", "", {"max": 10_001}, 400),
    ],
)
def test_what_the_audit_log_refuses(
    channel: Any, method: str, token: str, more: dict[str, Any], status: int
):
    """The audit log refuses a wrong method, a wrong token and a malformed question."""
    answer = audit(channel, method, token, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, str(status))


def test_the_audit_log_takes_the_other_method(channel: Any):
    """The audit log can be switched from POST to GET, and can be told to refuse every question."""
    channel.http.patch("/practice/outside", json={"audit_method": "GET"})
    assert (audit(channel).status_code, audit(channel, "GET").status_code) == (405, 200)
    channel.http.patch("/practice/outside", json={"audit_refusal": 403})
    assert audit(channel, "GET").status_code == 403
