"""Steps in a check and in a fix of a channel that people set up by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.model import Channel, State
from jobs.runs.run import Brief
from jobs.steps.client_secret import ClientSecret
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import APP, FACTS

ADDRESS = "ab12@mail-us.imiconnect.io"
CALLBACK = "https://uk.webexconnect.io/callback"
CHANNEL = Channel("support@contoso.com", CALLBACK, ADDRESS, tenant_id="tenant-1")
BY_HAND = Brief("client-1", by_hand=True)
FOUND = "GET /applications(appId='client-1')"
OWN = APP | {"web": {"redirectUris": [CALLBACK]}, "requiredResourceAccess": []}


@pytest.fixture
def check(given: Given) -> Given:
    """Return a function that creates the context for a check of a channel set up by hand."""

    def make(kind: str = "check", **more: Any) -> StepContext:
        wanted = {"channel": CHANNEL, "facts": FACTS, "brief": BY_HAND} | more
        return given(kind=kind, **wanted)

    return make


def secret(name: str, days: float) -> dict[str, Any]:
    """Return a client secret that ends so many days from now."""
    end = (now() + timedelta(days=days)).isoformat()
    return {"keyId": f"key-{name}", "displayName": name, "endDateTime": end}


@pytest.mark.parametrize(
    ("secrets", "state", "cause"),
    [
        ([secret("webex", 90)], State.OK, ""),
        ([secret("old", -5), secret("Webex Connect 2026", 90)], State.OK, ""),
        ([secret("webex", -1)], State.WRONG, "client_secret_expired"),
        ([secret("webex", 5)], State.WARNING, "client_secret_expires_soon"),
        ([secret("Webex email bot, rehearsal and check", 90)], State.WRONG, "client_secret_gone"),
        ([], State.WRONG, "client_secret_gone"),
    ],
)
async def test_every_secret_of_a_person_counts(
    check: Given, cloud: Cloud, secrets: list[Any], state: State, cause: str
):
    """Webex Connect may use any secret that a person created.

    So the channel is known to be broken only if none of these secrets is valid.
    """
    cloud.on(FOUND, OWN | {"passwordCredentials": secrets})
    found = await ClientSecret().inspect(check())
    assert (found.state, found.cause) == (state, cause)
