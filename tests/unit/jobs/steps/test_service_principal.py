"""Rows E1, E4 and E5: the enterprise application and its grants."""

import pytest

from jobs.checks.verdict import judge
from jobs.clouds.errors import Forbidden, NotFound, Rejected, Transient
from jobs.model import Finding, Profile, Reason, State, verbatim
from jobs.probes import checks_for
from jobs.steps.service_principal import Permissions, SmtpGrant
from tests.unit.jobs.steps.looks_of_apps import GRANTED, GRANTS, OF_DELEGATE, SIGN_IN, SMTP
from tests.unit.jobs.steps.test_undo import past


@pytest.mark.parametrize("cause", ["app_disabled_by_microsoft", "app_deactivated"])
def test_a_refused_sign_in_is_explained_by_it(cause):
    """An app that is deactivated or disabled by Microsoft explains refused sign-ins.

    AADSTS7000112 says the same of both.
    """
    own = Finding("service_principal", State.WRONG, cause=cause)
    refused = Finding("sign_ins", State.WRONG, cause="app_disabled")
    shown = judge(checks_for(Profile.LEAST), {"service_principal": own, "sign_ins": refused}).causes
    assert shown == ("service_principal",)


STEP = Permissions()
SAID = ("graph", 400, "Request_BadRequest", "No such service.")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Rejected("request_rejected", *SAID), True),
        (NotFound("not_found", *SAID), True),
        (Forbidden("directory_role_missing", *SAID), False),
        (Transient("service_unavailable", *SAID), False),
    ],
)
def test_a_tenant_without_the_service(given, error, told):
    """A tenant without the service is reported in Graph's words.

    The engine handles all other errors.
    """
    found = STEP.explain_error(given(), error)
    assert (found is not None) is told
    if found:
        shown = found.state, found.cause, found.seen
        assert shown == (State.UNKNOWN, "exchange_service_missing", verbatim("No such service."))


SMTP_GRANT_STEP = SmtpGrant()
NONE_OF_DELEGATE = {"exchange": "", "graph": "", "principal": "user-2"}


async def test_an_undo_takes_the_delegate_s_grant_back(given, cloud):
    """An undo removes the recorded delegate's grant, even if there is another delegate by now."""
    mine = [each | OF_DELEGATE for each in (SMTP, SIGN_IN)]
    others = [each | {"id": f"o{each['id']}", "principalId": "user-3"} for each in mine]
    cloud.on(GRANTS, [*mine, *others])
    left = NONE_OF_DELEGATE | {"exchange": "SMTP.Send", "graph": "offline_access openid profile"}
    what, ctx = past("smtp_grant", NONE_OF_DELEGATE, left), given(facts=GRANTED, kind="undo")
    assert (await SMTP_GRANT_STEP.inspect_undo(ctx, what)).state is State.WRONG
    await SMTP_GRANT_STEP.undo(ctx, what)
    shown = {what for what, _ in cloud.writes}
    assert shown == {"DELETE /oauth2PermissionGrants/g1", "DELETE /oauth2PermissionGrants/g2"}


async def test_an_earlier_try_of_ours_is_no_error(given, cloud):
    """If a new grant exists but is not listed yet, the refusal to create it is no error.

    The next inspection decides.
    """
    make, code = "POST /oauth2PermissionGrants", "Request_MultipleObjectsWithSameKeyValue"
    cloud.on(GRANTS, [SIGN_IN]).refuse(make, 409, code, "already exists")
    await SMTP_GRANT_STEP.apply(given(facts=GRANTED), SMTP_GRANT_STEP.wrong(Reason.ABSENT))
    assert [what for what, _ in cloud.writes] == [make]
