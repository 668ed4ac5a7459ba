"""Article row V1: access to the message trace."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.clouds.errors import Forbidden, SignInNeeded
from jobs.microsoft.graph import MESSAGE_TRACE_APP_ID
from jobs.model import Change, Finding, Scope, State, Text
from jobs.steps.proof import TraceAccess
from tests.unit.jobs.conftest import Cloud, Given

STEP = TraceAccess()
TRACE = "GET /admin/exchange/tracing/messageTraces"
SERVICE = f"GET /servicePrincipals(appId='{MESSAGE_TRACE_APP_ID}')"
HOLDS = Finding("trace_access", State.OK, seen=Text("seen.trace_readable"))


async def test_graph_traces(given: Given, cloud: Cloud):
    """The message trace is readable if Graph answers, even with an empty list."""
    cloud.on(TRACE, [])
    assert await STEP.inspect(given()) == HOLDS


async def test_the_cmdlet_traces_instead(given: Given, cloud: Cloud):
    """If Graph refuses message traces, the Exchange cmdlet is used."""
    cloud.refuse(TRACE, 403)
    assert await STEP.inspect(given()) == HOLDS


@pytest.mark.parametrize("status", [401, 403])
async def test_the_service_is_missing(given: Given, cloud: Cloud, status: int):
    """If Graph and the cmdlet refuse, the step can add Microsoft's trace service to the tenant."""
    cloud.refuse(TRACE, status).refuse("Get-MessageTraceV2", 403)
    ctx = given()
    found = await STEP.inspect(ctx)
    wanted = Text("expected.trace_access")
    seen, more = (
        Text("seen.trace_service_missing"),
        {"facts": {"missing": "yes"}, "values": {"present": "no"}},
    )
    assert found == Finding("trace_access", State.WRONG, seen=seen, expected=wanted, **more)
    words = Text("step.trace_access"), Text("seen.none"), Text("after.trace_access")
    command = f'Graph POST /servicePrincipals {{"appId": "{MESSAGE_TRACE_APP_ID}"}}'
    assert STEP.plan(ctx, found) == (Change("trace_access", "V1", *words, Scope.APP, command),)
    await STEP.apply(ctx, found)
    assert cloud.writes[-1] == ("POST /servicePrincipals", {"appId": MESSAGE_TRACE_APP_ID})


async def test_a_role_that_is_missing_is_an_error(given: Given, cloud: Cloud):
    """If the trace service is in the tenant and refuses, the cloud's error is passed on.

    No change of the bot would help.
    """
    cloud.refuse(TRACE, 403).refuse("Get-MessageTraceV2", 403).on(SERVICE, {"id": "sp"})
    with pytest.raises(Forbidden):
        await STEP.inspect(given())


@pytest.mark.parametrize("service", [(200, {"id": "sp"}), (401, {})])
async def test_a_sign_in_that_is_dead_is_not_hidden(
    given: Given, cloud: Cloud, service: tuple[int, Any]
):
    """An ended sign-in is reported as such, even if the trace service is in the tenant."""
    cloud.refuse(TRACE, 401).refuse("Get-MessageTraceV2", 403).on(SERVICE, service)
    with pytest.raises(SignInNeeded):
        await STEP.inspect(given())
