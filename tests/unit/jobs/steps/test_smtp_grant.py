"""Article row E5: ``SMTP.Send`` for the one mailbox user."""

from __future__ import annotations

from jobs.model import Change, Finding, Reason, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.service_principal import SmtpGrant
from tests.unit.jobs.conftest import Cloud, Given

STEP = SmtpGrant()
READ, MAKE = "GET /oauth2PermissionGrants", "POST /oauth2PermissionGrants"
FACTS = {
    "sp_id": "sp-1",
    "exchange_sp_id": "exchange-sp",
    "graph_sp_id": "graph-sp",
    "user_id": "user-1",
    "upn": "support@contoso.com",
}
SMTP = {"id": "g1", "resourceId": "exchange-sp", "principalId": "user-1", "scope": "SMTP.Send"}
SIGN_IN = {
    "id": "g2",
    "resourceId": "graph-sp",
    "principalId": "user-1",
    "scope": "openid profile offline_access",
}
MISSES = Finding(
    "smtp_grant",
    State.WRONG,
    seen=Text("seen.none"),
    expected=Text("expected.smtp_grant"),
    cause="consent_missing",
    reason=Reason.ABSENT,
)


OWN_ALONE = [SMTP, SIGN_IN]
OF_DELEGATE = [SMTP | {"principalId": "user-2"}, SIGN_IN | {"principalId": "user-2"}]
NONE_OF_DELEGATE = {"exchange": "", "graph": "", "principal": "user-2"}


async def test_an_undo_takes_the_delegate_s_grant_back(given: Given, cloud: Cloud):
    """An undo removes the recorded delegate's grant, even if there is another delegate by now."""
    other = [each | {"id": f"o{each['id']}", "principalId": "user-3"} for each in OWN_ALONE]
    cloud.on(READ, [*OF_DELEGATE, *other])
    line = Change("smtp_grant", "E5", Text("a"), Text("b"), Text("c"), Scope.APP, "x")
    left = NONE_OF_DELEGATE | {"exchange": "SMTP.Send", "graph": "offline_access openid profile"}
    past = RecordedChange("smtp_grant", line, Text("b"), NONE_OF_DELEGATE, left, ("R1",))
    ctx = given(facts=FACTS, kind="undo")
    assert (await STEP.inspect_undo(ctx, past)).state is State.WRONG
    await STEP.undo(ctx, past)
    assert {what for what, _ in cloud.writes} == {
        "DELETE /oauth2PermissionGrants/g1",
        "DELETE /oauth2PermissionGrants/g2",
    }


async def test_an_earlier_try_of_ours_is_no_error(given: Given, cloud: Cloud):
    """If a new grant exists but is not listed yet, the refusal to create it is no error.

    The next inspection decides.
    """
    cloud.on(READ, [SIGN_IN]).refuse(
        MAKE, 409, "Request_MultipleObjectsWithSameKeyValue", "already exists"
    )
    await STEP.apply(given(facts=FACTS), MISSES)
    assert [what for what, _ in cloud.writes] == [MAKE]
