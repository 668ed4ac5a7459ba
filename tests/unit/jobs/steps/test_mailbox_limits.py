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
