"""Tests of the practice cloud's snapshot: what a restore brings back, and what it leaves."""

from __future__ import annotations

from typing import Any

from practice.faults import FAULTS, HEALTHY


def _world(channel: Any) -> dict[str, Any]:
    """Return the state of the practice cloud as its control routes show it."""
    paths = ("tenants/contoso.com", "connect/app", "connect/log", "mail", "agent/tasks", "faults")
    return {path: channel.http.get(f"/practice/{path}").json() for path in paths}


def test_restore_puts_everything_back(channel: Any):
    """A restore brings back the tenant, form, log, mails, tasks and scheduled faults."""
    before = _world(channel)
    for name in ("mailbox_deleted", "form_scope_unknown", "graph_down", "smtp_no_starttls"):
        channel.post(
            f"fault/{name}" if name != "form_scope_unknown" else "mail/customer",
            **{"from": "a@b.example", "to": "support@contoso.com"},
        )
    assert _world(channel) != before
    assert channel.post("restore").status_code == 200
    assert _world(channel) == before
    assert channel.stops("After") == ""


def test_restore_works_more_than_once(channel: Any):
    """Changes after a restore do not reach the snapshot, so it can be restored again."""
    before = _world(channel)
    for _ in range(2):
        channel.post("fault/policy_off")
        channel.post("fault/secrets_all_removed")
        channel.post("restore")
        assert _world(channel) == before


def test_tokens_given_since_stay_good(channel: Any):
    """A refresh token that was issued after the snapshot is still good after a restore.

    The age that a fault gave to it is gone as well.
    """
    channel.post("connect/generate_token", **{"as": "support@contoso.com"})
    later = channel.ground.connect.refresh_token
    channel.post("fault/token_idle")
    channel.post("restore")
    assert channel.ground.connect.refresh_token != later
    channel.ground.connect.refresh_token = later
    assert channel.stops("After") == ""


def test_the_routes_list_and_refuse(channel: Any):
    """The control routes list the faults with the causes that a check is expected to find.

    An unknown fault is a 404, and a mailbox without a channel is a 409.
    """
    listed = channel.http.get("/practice/faults/names").json()
    assert [item["name"] for item in listed["items"]] == [fault.name for fault in FAULTS]
    assert [item["name"] for item in listed["healthy"]] == [fault.name for fault in HEALTHY]
    assert listed["items"][0] == {
        "name": "smtp_auth_off_mailbox",
        "source": "microsoft.md 8 row 1, 2.1",
        "what": "somebody turned SMTP AUTH off for the mailbox",
        "expects": ["smtp_auth_off_for_mailbox"],
        "stops": "answer",
        "on": "smtp_auth",
        "level": "cause",
        "set_up": {},
        "alone": False,
        "by_hand": False,
        "changed": "",
    }
    assert channel.post("fault/nonsense").status_code == 404
    assert channel.post("fault/secret_expired", mailbox="support@fabrikam.com").status_code == 409
