"""Permissions of the email app: one request for many channels, and the same answer as for one."""

import pytest

from jobs.steps.application import grants_of_app, role_assignments

GRANTS, ROLES = "GET /oauth2PermissionGrants", "GET /servicePrincipals/sp-1/appRoleAssignments"
PRINCIPAL = "GET /servicePrincipals(appId='client-1')"
OWN, FOREIGN = {"id": "g1", "clientId": "SP-1"}, {"id": "g2", "clientId": "sp-2"}
ROLE = {"appRoleId": "role-1"}


@pytest.fixture
def ctx(given):
    """A check of many channels that has found the service principal of this one."""
    made = given(facts={"client_id": "client-1", "sp_id": "sp-1"})
    made.many = True
    return made


async def test_the_grants_of_the_tenant_are_those_of_its_apps(cloud, ctx):
    """If many channels are checked, the tenant's grants are read, and only the app's own count."""
    cloud.on(GRANTS, [FOREIGN, OWN])
    assert await grants_of_app(ctx) == [OWN]
    assert [what for what, _ in cloud.asked] == [GRANTS]


@pytest.mark.parametrize(
    "first", [{"value": [FOREIGN], "@odata.nextLink": "https://graph/v1.0/x"}, (400, {"error": {}})]
)
async def test_a_tenant_with_more_grants_than_a_page_is_asked_for_the_app(cloud, ctx, first):
    """If the tenant has more than one page of grants, the grants of the app alone are read.

    The same happens if Graph refuses the list.
    """
    cloud.on(GRANTS, first, [OWN])
    assert await grants_of_app(ctx) == [OWN]
    assert [what for what, _ in cloud.asked] == [GRANTS, GRANTS]


async def test_the_roles_come_with_the_service_principal(cloud, ctx):
    """If many channels are checked, an app's roles are read with its service principal.

    No request of their own is needed, because the service principal is read anyway.
    """
    cloud.on(PRINCIPAL, {"id": "sp-1", "appRoleAssignments": [ROLE]})
    assert await role_assignments(ctx) == [ROLE]
    assert [what for what, _ in cloud.asked] == [PRINCIPAL]


@pytest.mark.parametrize(
    "answers",
    [[{"id": "sp-1", "appRoleAssignments": [ROLE] * 20}], [(400, {"error": {}}), {"id": "sp-1"}]],
)
async def test_roles_that_may_be_cut_off_are_read_by_themselves(cloud, ctx, answers):
    """A list of roles that may be incomplete is read again in a request of its own.

    Graph expands 20 roles at most. If a cloud refuses to expand them, it still returns the rest.
    """
    cloud.on(PRINCIPAL, *answers).on(ROLES, [ROLE] * 21)
    assert await role_assignments(ctx) == [ROLE] * 21
    assert cloud.asked[-1][0] == ROLES


async def test_one_channel_asks_for_its_own(cloud, given):
    """A check of one channel reads only the grants and the roles of its own app.

    It reads neither the tenant's grants nor a list that Graph may cut off.
    """
    ctx = given(facts={"client_id": "client-1", "sp_id": "sp-1"})
    cloud.on(GRANTS, [OWN]).on(ROLES, [ROLE])
    assert (await grants_of_app(ctx), await role_assignments(ctx)) == ([OWN], [ROLE])
    assert [what for what, _ in cloud.asked] == [GRANTS, ROLES]
