"""Rows E1, E4 and E5: the enterprise application and its grants."""

from __future__ import annotations

import pytest

from jobs.checks.verdict import judge
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, NotFound, Rejected, Transient
from jobs.model import Change, Finding, Profile, Reason, Scope, State, Text, verbatim
from jobs.probes import checks_for
from jobs.runs.run import RecordedChange
from jobs.steps.service_principal import Permissions, SmtpGrant
from tests.unit.jobs.conftest import Cloud, Given


@pytest.mark.parametrize("cause", ["app_disabled_by_microsoft", "app_deactivated"])
def test_a_refused_sign_in_is_explained_by_it(cause: str):
    """An app that is deactivated or disabled by Microsoft explains refused sign-ins.

    AADSTS7000112 says the same of both.
    """
    own = Finding("service_principal", State.WRONG, cause=cause)
    refused = Finding("sign_ins", State.WRONG, cause="app_disabled")
    assert judge(
        checks_for(Profile.LEAST), {"service_principal": own, "sign_ins": refused}
    ).causes == ("service_principal",)


STEP = Permissions()
SAID = CloudReply("graph", 400, "Request_BadRequest", "No such service.")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Rejected("request_rejected", SAID), True),
        (NotFound("not_found", SAID), True),
        (Forbidden("directory_role_missing", SAID), False),
        (Transient("service_unavailable", SAID), False),
    ],
)
def test_a_tenant_without_the_service(given: Given, error: CloudError, told: bool):
    """A tenant without the service is reported in Graph's words.

    The engine handles all other errors.
    """
    found = STEP.explain_error(given(), error)
    assert (found is not None) is told
    if found:
        assert (found.state, found.cause, found.seen) == (
            State.UNKNOWN,
            "exchange_service_missing",
            verbatim("No such service."),
        )


SMTP_GRANT_STEP = SmtpGrant()
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
    assert (await SMTP_GRANT_STEP.inspect_undo(ctx, past)).state is State.WRONG
    await SMTP_GRANT_STEP.undo(ctx, past)
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
    await SMTP_GRANT_STEP.apply(given(facts=FACTS), MISSES)
    assert [what for what, _ in cloud.writes] == [MAKE]
