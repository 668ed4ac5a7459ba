"""Tests of Graph's query options: expanding, and filters on the values of a list."""

from __future__ import annotations

from typing import Any

import pytest

from practice.microsoft.graph import odata


def test_the_app_roles_of_a_client_come_with_it_if_they_are_expanded(services: Any):
    """A service principal comes with its app role assignments if ``$expand`` asks for them.

    Nothing else can be expanded in the practice cloud.
    """
    app = {"displayName": "Mail", "signInAudience": "AzureADMyOrg"}
    made = services.graph("POST", "/applications", app).json()
    client = services.graph("POST", "/servicePrincipals", {"appId": made["appId"]}).json()
    exchange = services.resource()
    role = next(item["id"] for item in exchange["appRoles"] if item["value"] == "Mail.Send")
    body = {"principalId": client["id"], "resourceId": exchange["id"], "appRoleId": role}
    services.graph("POST", f"/servicePrincipals/{client['id']}/appRoleAssignments", body)
    path = f"/servicePrincipals(appId='{client['appId']}')"
    plain, expanded, wrong = (
        services.graph("GET", path + more)
        for more in ("", "?$expand=appRoleAssignments", "?$expand=nothing")
    )
    listed = services.graph("GET", f"/servicePrincipals/{client['id']}/appRoleAssignments").json()
    assert "appRoleAssignments" not in plain.json()
    assert expanded.json()["appRoleAssignments"] == listed["value"] != []
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("t eq 'nonInteractiveUser'", ["renewal"]),
        ("t eq 'interactiveUser' or t eq 'nonInteractiveUser'", ["person", "renewal"]),
    ],
)
def test_a_list_may_hold_one_of_several_values(asked: str, found: list[str]):
    """A filter with ``any`` finds rows whose list has one of several values.

    Microsoft's recommendations filter the sign-in log so.
    """
    kinds = {
        "person": "interactiveUser",
        "renewal": "nonInteractiveUser",
        "app": "servicePrincipal",
    }
    rows = [{"id": name, "signInEventTypes": [kind]} for name, kind in kinds.items()]
    wanted = odata.conditions(
        f"signInEventTypes/any(t:{asked})", {"signInEventTypes": frozenset({"any"})}
    )
    assert [row["id"] for row in rows if odata.meets(wanted, row)] == found
