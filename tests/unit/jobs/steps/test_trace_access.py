"""Article row V1: access to the message trace."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.clouds.errors import Forbidden, SignInNeeded
from jobs.microsoft.graph import MESSAGE_TRACE_APP_ID
from jobs.steps.proof import TraceAccess
from tests.unit.jobs.conftest import Cloud, Given

STEP = TraceAccess()
TRACE = "GET /admin/exchange/tracing/messageTraces"
SERVICE = f"GET /servicePrincipals(appId='{MESSAGE_TRACE_APP_ID}')"


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
