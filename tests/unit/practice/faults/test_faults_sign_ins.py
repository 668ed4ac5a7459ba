"""Tests that the sign-in log of the practice tenant lists failed sign-ins as Entra would."""

from __future__ import annotations

from typing import Any

import pytest


def _newest(channel: Any) -> tuple[int, bool, str]:
    """Return the newest sign-in's error code, whether it was interactive, and its user."""
    row = channel.ground.tenant.sign_ins[-1]
    assert row["appId"] == channel.ground.app["appId"]
    assert (row["status"]["failureReason"] != "Other.") is bool(row["status"]["errorCode"])
    return row["status"]["errorCode"], row["isInteractive"], row["userPrincipalName"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("secret_id_pasted", 7000215),
        ("redirect_removed", 50011),
        ("form_common", 50194),
        ("form_scope_unknown", 70011),
        ("user_consent_off", 90094),
        ("consent_declined", 65004),
        ("assignment_required", 50105),
    ],
)
def test_a_failed_generate_token_is_in_the_log(channel, fault, code):
    """A failed Generate Token is in the sign-in log as an interactive sign-in to the email app.

    The log has it under the name of the mailbox's user.
    """
    channel.post(f"fault/{fault}")
    assert _newest(channel) == (code, True, "support@contoso.com")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("sessions_revoked", 50173),
        ("token_idle", 700082),
        ("redirect_also_spa", 700084),
        ("tokens_invalid", 70000),
        ("secret_expired", 7000222),
        ("ca_blocks", 53003),
        ("ca_asks_mfa", 50076),
        ("ca_asks_device", 53000),
        ("ca_asks_often", 70043),
        ("account_locked", 50053),
        ("password_expired", 50055),
        ("account_disabled", 50057),
    ],
)
def test_a_failed_refresh_is_in_the_log(channel, fault, code):
    """A failed refresh is in the sign-in log, and is marked as not interactive.

    The interactive list of v1.0 does not show such a row.
    """
    channel.stops("Before")
    channel.post(f"fault/{fault}")
    assert channel.stops("After") == "answer"
    assert _newest(channel) == (code, False, "support@contoso.com")


def test_the_log_names_the_policy_that_refused(channel):
    """The sign-in log names the refusing policy together with those that did not refuse."""
    channel.post("fault/healthy_conditional_access")
    channel.post("fault/ca_blocks")
    assert channel.stops("After") == "answer"
    row = channel.ground.tenant.sign_ins[-1]
    failed = [
        each["displayName"]
        for each in row["appliedConditionalAccessPolicies"]
        if each["result"] == "failure"
    ]
    assert row["conditionalAccessStatus"] == "failure"
    assert failed == ["Block legacy"]
    assert len(row["appliedConditionalAccessPolicies"]) == 6


def test_a_person_meets_the_demand_that_a_refresh_cannot(channel):
    """Generate Token succeeds under a policy that asks for a second factor or for a new sign-in.

    A person can meet that demand, and a refresh cannot.
    """
    for fault in ("ca_asks_mfa", "ca_asks_often"):
        channel.post("restore")
        channel.post(f"fault/{fault}")
        assert (
            channel.post("connect/generate_token", **{"as": "support@contoso.com"}).status_code
            == 200
        )
        assert _newest(channel) == (0, True, "support@contoso.com")
