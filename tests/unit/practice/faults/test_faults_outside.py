"""Tests of the practice services outside the mail flow, over HTTP.

They are the contact center, the status page, and the audit log of Webex Connect.
"""

from __future__ import annotations

from typing import Any

import pytest

from practice.faults import hand_made


def test_webex_connect_keeps_its_secret_its_service_and_its_own_mails(channel):
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
    assert (form.status_code, hand_made.SECRET in form.text) == (200, False)


AUDIT = "/connectapi/v1/auditlogs"
SPAN = {"range": "custom", "from": "2020-01-01T00:00:00.000Z", "to": "2099-01-01T00:00:00.000Z"}


def audit(channel: Any, method: str = "POST", token: str = "", **more: Any) -> Any:
    """Ask the audit log of Webex Connect, and return its answer."""
    own = token or channel.cloud.settings.connect_audit_token
    return channel.http.request(
        method, AUDIT, json=SPAN | more, headers={"Authorization": f"Bearer {own}"}
    )


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
def test_what_the_audit_log_refuses(channel, method, token, more, status):
    """The audit log refuses a wrong method, a wrong token and a malformed question."""
    answer = audit(channel, method, token, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, str(status))
