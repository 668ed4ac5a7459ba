"""Article row E4, first half: the tenant's IDs of the permissions."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import CloudError, CloudReply, Forbidden, NotFound, Rejected, Transient
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.model import Change, Finding, Scope, State, Text, verbatim
from jobs.steps.service_principal import Permissions
from tests.unit.jobs.conftest import Cloud, Given

STEP = Permissions()
SAID = CloudReply("graph", 400, "Request_BadRequest", "No such service.")
EXCHANGE = {
    "id": "exchange-sp",
    "oauth2PermissionScopes": [{"value": "SMTP.Send", "id": "smtp-id"}],
    "appRoles": [{"value": "Mail.Send", "id": "mail-id"}],
}


def principal(app_id: str) -> str:
    """Return the name of Graph's request for a service principal."""
    return f"GET /servicePrincipals(appId='{app_id}')"


async def test_ids_are_read_from_the_tenant(given: Given, cloud: Cloud):
    """The IDs of Exchange's SMTP.Send and Mail.Send are read from the tenant."""
    cloud.on(principal(EXCHANGE_APP_ID), EXCHANGE).on(principal(GRAPH_APP_ID), {"id": "graph-sp"})
    facts = {"exchange_sp_id": "exchange-sp", "graph_sp_id": "graph-sp", "graph_smtp_send": ""}
    facts |= {"exchange_smtp_send": "smtp-id", "mail_send": "mail-id"}
    assert await STEP.inspect(given()) == Finding(
        "permissions", State.OK, seen=Text("seen.permissions"), facts=facts
    )


async def test_no_exchange_in_the_tenant(given: Given, cloud: Cloud):
    """A missing service principal of Exchange Online is created if the tenant has the service."""
    ctx = given()
    found = await STEP.inspect(ctx)
    assert (found.state, found.cause, found.seen) == (
        State.WRONG,
        "exchange_service_missing",
        Text("seen.no_exchange"),
    )
    words = Text("step.permissions"), Text("seen.no_exchange"), Text("after.permissions")
    command = f'Graph POST /servicePrincipals {{"appId": "{EXCHANGE_APP_ID}"}}'
    assert STEP.plan(ctx, found) == (Change("permissions", "E4", *words, Scope.APP, command),)
    await STEP.apply(ctx, found)
    assert cloud.writes == [("POST /servicePrincipals", {"appId": EXCHANGE_APP_ID})]


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


def test_ids_that_are_not_exposed_cannot_be_mended(given: Given):
    """If Exchange does not expose SMTP.Send, the plan is empty, because the bot cannot add it."""
    assert (
        STEP.plan(given(), Finding("permissions", State.WRONG, cause="permission_id_unknown")) == ()
    )


async def test_a_permission_that_is_switched_off_is_none(given: Given, cloud: Cloud):
    """A scope that the tenant has disabled counts as not exposed."""
    off = {
        "id": "exchange-sp",
        "oauth2PermissionScopes": [{"value": "SMTP.Send", "id": "smtp-id", "isEnabled": False}],
    }
    cloud.on(principal(EXCHANGE_APP_ID), off)
    found = await STEP.inspect(given())
    assert (found.state, found.cause, found.seen) == (
        State.WRONG,
        "permission_id_unknown",
        Text("seen.no_smtp_send"),
    )


async def test_graphs_own_smtp_send_is_enough(given: Given, cloud: Cloud):
    """If only Graph exposes SMTP.Send, its id is used."""
    graph = {
        "id": "graph-sp",
        "oauth2PermissionScopes": [{"value": "SMTP.Send", "id": "graph-smtp"}],
    }
    cloud.on(principal(EXCHANGE_APP_ID), {"id": "exchange-sp"}).on(principal(GRAPH_APP_ID), graph)
    found = await STEP.inspect(given())
    assert (found.state, found.facts["graph_smtp_send"], found.facts["exchange_smtp_send"]) == (
        State.OK,
        "graph-smtp",
        "",
    )
