"""Article row E6: the two IDs of Webex Connect's form."""

from __future__ import annotations

from jobs.model import Finding, State, Text
from jobs.steps.connect_form import ConnectIds
from tests.unit.jobs.conftest import Given


async def test_the_ids_are_the_apps_and_the_accounts(given: Given):
    """The client ID is the app's, and the tenant ID is that of the signed-in account."""
    found = await ConnectIds().inspect(given(facts={"client_id": "client-1"}))
    seen = Text("seen.ids", {"client_id": "client-1", "tenant_id": "tenant-1"})
    assert found == Finding("ids", State.OK, seen=seen, facts={"tenant_id": "tenant-1"})
