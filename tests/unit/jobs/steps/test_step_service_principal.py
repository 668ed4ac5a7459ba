"""E1, second half: the enterprise application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.model import Change, Finding, Scope, State, Words
from jobs.step import Context
from jobs.steps.service_principal import ServicePrincipal

STEP = ServicePrincipal()
READ = "GET /servicePrincipals(appId='client-1')"
FACTS = {"client_id": "client-1"}
EXPECTED = Words("expected.service_principal")


async def test_one_that_is_missing_is_made(given: Callable[..., Context], cloud: Any):
    """Graph does not make it with the app, as the portal does."""
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    words = Words("step.service_principal"), Words("seen.none"), Words("after.service_principal")
    line = Change("service_principal", "E1", *words, Scope.APP, "Graph POST /servicePrincipals")
    assert (found, STEP.plan(ctx, found)) == (
        Finding("service_principal", State.WRONG, seen=Words("seen.none"), expected=EXPECTED, cause="app_not_found", values={"sp_id": ""}),
        (line,),
    )
    await STEP.apply(ctx, found)
    assert cloud.writes == [("POST /servicePrincipals", {"appId": "client-1"})]


async def test_one_that_is_there_holds(given: Callable[..., Context], cloud: Any):
    """Enabled by default, and open to everybody by default."""
    cloud.on(READ, {"id": "sp-1"})
    found = await STEP.inspect(given(facts=FACTS))
    assert found == Finding(
        "service_principal", State.OK, seen=Words("seen.service_principal"), facts={"sp_id": "sp-1"}, values={"sp_id": "sp-1"}
    )


@pytest.mark.parametrize(
    ("part", "seen", "cause"),
    [
        ({"accountEnabled": False}, "seen.sp_disabled", "app_disabled"),
        ({"appRoleAssignmentRequired": True}, "seen.sp_assignment", "user_not_assigned"),
    ],
)
async def test_what_somebody_switched_off_is_left_to_a_person(
    given: Callable[..., Context], cloud: Any, part: dict[str, bool], seen: str, cause: str
):
    """It is named, and no plan overrides it."""
    cloud.on(READ, {"id": "sp-1"} | part)
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    wanted = Finding(
        "service_principal",
        State.WRONG,
        seen=Words(seen),
        expected=EXPECTED,
        cause=cause,
        facts={"sp_id": "sp-1"},
        values={"sp_id": "sp-1"},
    )
    assert (found, STEP.plan(ctx, found)) == (wanted, ())
