"""E6: the two ids of Webex Connect's form."""

from __future__ import annotations

from collections.abc import Callable

from jobs.engine.context import StepContext
from jobs.model import Finding, State, Text
from jobs.steps.ids import ConnectIds


async def test_the_ids_are_the_apps_and_the_accounts(given: Callable[..., StepContext]):
    """The client id comes from the app, the tenant id from who signed in."""
    found = await ConnectIds().inspect(given(facts={"client_id": "client-1"}))
    seen = Text("seen.ids", {"client_id": "client-1", "tenant_id": "tenant-1"})
    assert found == Finding("ids", State.OK, seen=seen, facts={"tenant_id": "tenant-1"})
