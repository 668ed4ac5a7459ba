"""Article row M1: the user whose mailbox is connected."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import MalformedAnswer
from jobs.steps.mailbox_user import MailboxUser
from tests.unit.jobs.conftest import Cloud, Given

STEP = MailboxUser()
USER = "GET /users/support@contoso.com"
PLAN = {"service": "exchange", "capabilityStatus": "Enabled"}
PERSON = {
    "id": "user-1",
    "userPrincipalName": "support@contoso.com",
    "accountEnabled": True,
    "assignedPlans": [PLAN],
}


@pytest.mark.parametrize("what", [USER, "Get-Mailbox"])
@pytest.mark.parametrize("answer", [(204, None), (200, {}), [], (404, None)])
async def test_an_empty_answer_is_no_missing_mailbox(
    given: Given, cloud: Cloud, what: str, answer: object
):
    """An answer without the user or the mailbox says nothing about either, and is read again."""
    cloud.on(USER, PERSON).on("Get-Mailbox", [{}]).on(what, answer)
    with pytest.raises(MalformedAnswer):
        await STEP.inspect(given())
