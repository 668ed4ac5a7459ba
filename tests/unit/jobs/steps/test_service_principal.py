"""Article row E1, second half: the service principal (enterprise application) of the email app."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.model import Change, Finding, Profile, Reason, Scope, State, Text
from jobs.probes import checks_for
from jobs.steps.service_principal import ServicePrincipal
from tests.unit.jobs.conftest import Cloud, Given

STEP = ServicePrincipal()
READ = "GET /servicePrincipals(appId='client-1')"
FACTS = {"client_id": "client-1"}
EXPECTED = Text("expected.service_principal")
NO_VALUES = {"sp_id": "", "accountEnabled": "", "appRoleAssignmentRequired": ""}
VALUES = {"sp_id": "sp-1", "accountEnabled": "true", "appRoleAssignmentRequired": "false"}


async def test_one_that_is_missing_is_made(given: Given, cloud: Cloud):
    """A missing service principal is created.

    Graph does not create it with the app, as the portal does.
    """
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    words = Text("step.service_principal"), Text("seen.none"), Text("after.service_principal")
    made = Change("service_principal", "E1", *words, Scope.APP, "Graph POST /servicePrincipals")
    assert (found, STEP.plan(ctx, found)) == (
        Finding(
            "service_principal",
            State.WRONG,
            seen=Text("seen.none"),
            expected=EXPECTED,
            cause="service_principal_missing",
            values=NO_VALUES,
            reason=Reason.ABSENT,
        ),
        (made,),
    )
    await STEP.apply(ctx, found)
    assert cloud.writes == [("POST /servicePrincipals", {"appId": "client-1"})]


async def test_one_that_is_there_holds(given: Given, cloud: Cloud):
    """A service principal without further properties is enabled and open, and so OK."""
    cloud.on(READ, {"id": "sp-1"})
    found = await STEP.inspect(given(facts=FACTS))
    assert found == Finding(
        "service_principal",
        State.OK,
        seen=Text("seen.service_principal"),
        facts={"sp_id": "sp-1"},
        values=VALUES,
    )


SHUT = {"id": "sp-1", "appRoleAssignmentRequired": True}
ASSIGNED = "GET /servicePrincipals/sp-1/appRoleAssignedTo"
PATH = "PATCH /servicePrincipals/sp-1"
MINE = {"principalId": "USER-1", "principalType": "User"}
OTHERS = {"principalId": "user-2", "principalType": "User"}
A_GROUP = {"principalId": "group-1", "principalType": "Group"}
WITH_USER = FACTS | {"user_id": "user-1"}


def line(before: str, after: str, command: str) -> Change:
    """Return a line of the plan for the service principal."""
    return Change(
        "service_principal",
        "E1",
        Text("step.service_principal"),
        Text(before),
        Text(after),
        Scope.APP,
        f"Graph {PATH}, {command}",
    )


ENABLE = line("seen.sp_disabled", "after.sp_enabled", "accountEnabled true")
LET_IN = line("seen.sp_assignment", "after.sp_open", "appRoleAssignmentRequired false")


@pytest.mark.parametrize(
    ("principal", "cause", "lines", "body"),
    [
        (
            {"id": "sp-1", "accountEnabled": False},
            "app_disabled",
            (ENABLE,),
            {"accountEnabled": True},
        ),
        (SHUT, "user_not_assigned", (LET_IN,), {"appRoleAssignmentRequired": False}),
        (
            SHUT | {"accountEnabled": False},
            "app_disabled",
            (ENABLE, LET_IN),
            {"accountEnabled": True, "appRoleAssignmentRequired": False},
        ),
    ],
)
async def test_what_somebody_has_shut_is_opened(
    given: Given,
    cloud: Cloud,
    principal: Any,
    cause: str,
    lines: tuple[Change, ...],
    body: dict[str, bool],
):
    """The plan has one line for each closed property, and one request opens all of them."""
    cloud.on(READ, principal).on(ASSIGNED, [])
    ctx = given(facts=WITH_USER)
    found = await STEP.inspect(ctx)
    assert (found.state, found.cause, STEP.plan(ctx, found)) == (State.WRONG, cause, lines)
    await STEP.apply(ctx, found)
    assert cloud.writes == [(PATH, body)]


BANNED = "DisabledDueToViolationOfServicesAgreement"
BY_MICROSOFT = Text("seen.app_by_microsoft", {"status": BANNED})


@pytest.mark.parametrize(
    ("principal", "state", "cause", "seen", "lines"),
    [
        (
            {"disabledByMicrosoftStatus": BANNED},
            State.WRONG,
            "app_disabled_by_microsoft",
            BY_MICROSOFT,
            (),
        ),
        ({"isDisabled": True}, State.WRONG, "app_deactivated", Text("seen.app_deactivated"), ()),
        (
            {"isDisabled": True, "disabledByMicrosoftStatus": BANNED, "accountEnabled": False},
            State.WRONG,
            "app_disabled_by_microsoft",
            BY_MICROSOFT,
            (ENABLE,),
        ),
        (
            {"isDisabled": False, "disabledByMicrosoftStatus": "NotDisabled"},
            State.OK,
            "",
            Text("seen.service_principal"),
            (),
        ),
        (
            {"isDisabled": None, "disabledByMicrosoftStatus": None},
            State.OK,
            "",
            Text("seen.service_principal"),
            (),
        ),
    ],
)
async def test_an_app_that_no_plan_can_open(
    given: Given,
    cloud: Cloud,
    principal: Any,
    state: State,
    cause: str,
    seen: Text,
    lines: tuple[Change, ...],
):
    """No plan can open an app that is deactivated or disabled by Microsoft.

    Source: platforms/microsoft.md 5.
    """
    cloud.on(READ, {"id": "sp-1", **principal})
    ctx = given(facts=WITH_USER)
    found = await STEP.inspect(ctx)
    assert (found.state, found.cause, found.seen, STEP.plan(ctx, found)) == (
        state,
        cause,
        seen,
        lines,
    )
    assert found.facts["sp_id"] == "sp-1"


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


async def test_what_it_was_is_written_down(given: Given, cloud: Cloud):
    """The finding records the ID and both properties of the service principal for an undo."""
    cloud.on(READ, SHUT | {"accountEnabled": False}).on(ASSIGNED, [MINE])
    values = {"sp_id": "sp-1", "accountEnabled": "false", "appRoleAssignmentRequired": "true"}
    assert (await STEP.inspect(given(facts=WITH_USER))).values == values


@pytest.mark.parametrize(
    ("assigned", "mailbox", "state"),
    [
        ([OTHERS, MINE], "UserMailbox", State.OK),
        ([A_GROUP], "UserMailbox", State.POSSIBLE),
        ([OTHERS], "UserMailbox", State.WRONG),
        ([OTHERS], "SharedMailbox", State.POSSIBLE),
        ([], "SharedMailbox", State.WRONG),
    ],
)
async def test_who_is_assigned_decides(
    given: Given, cloud: Cloud, assigned: list[Any], mailbox: str, state: State
):
    """The assignment of the mailbox user is enough.

    An assigned group, or a delegate of a shared mailbox, is only possibly wrong.
    """
    cloud.on(READ, SHUT).on(ASSIGNED, assigned).on(
        "Get-Mailbox", [{"RecipientTypeDetails": mailbox}]
    )
    ctx = given(facts=WITH_USER)
    found = await STEP.inspect(ctx)
    assert (found.state, found.cause) == (state, "" if state is State.OK else "user_not_assigned")
    assert bool(STEP.plan(ctx, found)) is (state is State.WRONG)


async def test_the_user_is_looked_up_where_nobody_has_yet(given: Given, cloud: Cloud):
    """The step looks up the mailbox user by itself if no other step has found the user yet.

    So it does not wait for the step that may run at the same time.
    """
    cloud.on(READ, SHUT).on(ASSIGNED, [MINE]).on("GET /users/support@contoso.com", {"id": "user-1"})
    assert (await STEP.inspect(given(facts=FACTS))).state is State.OK
