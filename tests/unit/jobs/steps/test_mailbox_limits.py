"""Settings of the mailbox that stop mail, which a plan and a check show before mail stops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jobs.model import RunKind, State, Text
from jobs.steps import all_steps
from tests.unit.jobs.conftest import Cloud

USER = {
    "id": "u1",
    "userPrincipalName": "support@contoso.com",
    "assignedPlans": [{"service": "exchange", "capabilityStatus": "Enabled"}],
}


def look(cloud: Cloud, given: Any, mailbox: list[dict[str, Any]], kind: str = RunKind.SETUP) -> Any:
    """Return what the step finds of a licensed user with this mailbox."""
    cloud.on("GET /users/support@contoso.com", USER).on("Get-Mailbox", mailbox)
    return asyncio.run(all_steps()["mailbox_user"].inspect(given(kind=kind)))


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ({"ModerationEnabled": True}, "mailbox_moderated"),
        (
            {"ModerationEnabled": "True", "MaxReceiveSize": "1 KB (1,024 bytes)"},
            "mailbox_moderated",
        ),
        ({"RequireSenderAuthenticationEnabled": True}, "mailbox_internal_only"),
        ({"AcceptMessagesOnlyFromSendersOrMembers": ["a"]}, "mailbox_senders_listed"),
        ({"RejectMessagesFrom": ["a"]}, "mailbox_rejects_senders"),
        ({"MaxReceiveSize": "5 MB (5,242,880 bytes)"}, "mailbox_size_limited"),
        ({"IsDirSynced": True, "ForwardingAddress": "Archive"}, "mailbox_synced"),
    ],
)
@pytest.mark.parametrize("kind", [RunKind.SETUP, RunKind.CHECK])
def test_a_setting_that_stops_mail_is_a_warning(
    cloud: Cloud, given: Any, row: dict[str, Any], cause: str, kind: str
):
    """The worst setting is named, and nothing is blocked by it."""
    found = look(cloud, given, [{"PrimarySmtpAddress": "support@contoso.com", **row}], kind)
    assert (found.state, found.cause) == (State.WARNING, cause)
    assert found.facts["user_id"] == "u1"


@pytest.mark.parametrize(
    "row",
    [
        {"MaxReceiveSize": "36 MB (37,748,736 bytes)"},
        {"MaxReceiveSize": "Unlimited", "ModerationEnabled": "False", "RejectMessagesFrom": []},
        {"IsDirSynced": True},
    ],
)
def test_usual_settings_are_right(cloud: Cloud, given: Any, row: dict[str, Any]):
    """Exchange's own values, empty lists, and a synchronized mailbox without a detour are right."""
    assert look(cloud, given, [row]).state is State.OK


@pytest.mark.parametrize(
    ("kind", "deleted", "cause"),
    [
        ("MailUser", [], "mailbox_on_premises"),
        ("", [{"Name": "support"}], "mailbox_soft_deleted"),
        ("", (404, {"error": {"code": "x"}}), "mailbox_not_found"),
    ],
)
def test_why_there_is_no_mailbox(cloud: Cloud, given: Any, kind: str, deleted: Any, cause: str):
    """A user without a mailbox has it elsewhere, or had it until a short time ago."""
    cloud.on("GET /users/support@contoso.com", USER)
    cloud.on("Get-Mailbox", (404, {"error": {"code": "x"}}), deleted)
    cloud.on("Get-Recipient", [{"RecipientTypeDetails": kind}])
    found = asyncio.run(all_steps()["mailbox_user"].inspect(given(kind=RunKind.CHECK)))
    assert (found.state, found.cause) == (State.WRONG, cause)
    assert isinstance(found.seen, Text)


def test_security_defaults_stop_no_plan(cloud: Cloud, given: Any):
    """Before the approval they are only possible; without the permission they are skipped."""
    policy = "GET /policies/identitySecurityDefaultsEnforcementPolicy"
    step, ctx = all_steps()["security_defaults"], given()
    cloud.on(policy, {"isEnabled": True})
    assert asyncio.run(step.inspect(ctx)).state is State.POSSIBLE
    cloud.refuse(policy, 403, "Authorization_RequestDenied")
    assert asyncio.run(step.inspect(ctx)).state is State.SKIPPED
