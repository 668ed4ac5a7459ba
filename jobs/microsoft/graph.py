"""Microsoft Graph v1.0: each method is one documented request of facts sections 1, 2 and 7.

Nothing is decided here. What a cloud answers with JSON stays JSON; every failure is a :class:`jobs.clouds.errors.CloudError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import httpx

from jobs.clouds.errors import CloudReply, MalformedAnswer, Rejected
from jobs.clouds.json_values import is_filled_text
from jobs.microsoft.graph_requests import GraphCalls, Json, as_object, instant, key, segment, text

EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
#: The service principal that must be in the tenant before Graph traces messages (facts 2.5).
MESSAGE_TRACE_APP_ID = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"

_USER_FIELDS = "id,accountEnabled,assignedPlans,displayName,mail,proxyAddresses,userPrincipalName,signInSessionsValidFromDateTime"


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A client secret just made. ``secret`` is shown by Graph this once and never again."""

    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which messages to trace; empty parts do not filter. The interval is at most 10 days and 90 days back (facts 2.5)."""

    since: datetime
    until: datetime
    recipient: str = ""
    sender: str = ""
    subject: str = ""

    def odata(self) -> str:
        """The ``$filter``, with single quotes doubled."""
        parts = (
            ("recipientAddress eq {}", self.recipient),
            ("senderAddress eq {}", self.sender),
            ("contains(subject, {})", self.subject),
        )
        filters = [pattern.format(text(value)) for pattern, value in parts if value]
        interval = (f"receivedDateTime ge {instant(self.since)}", f"receivedDateTime le {instant(self.until)}")
        return " and ".join((*filters, *interval))


class Graph(GraphCalls):
    """One tenant's directory, with the permissions that ``token_source``'s token has."""

    # --- the email app ------------------------------------------------------------------------------------------

    async def application_by_unique_name(self, unique_name: str) -> Json | None:
        """The application with that ``uniqueName``, or None."""
        return await self.find(f"/applications(uniqueName={key(unique_name)})")

    async def application(self, unique_name: str) -> Json:
        """The application with that ``uniqueName``, which must be there.

        Raises:
            NotFound: it is not, or this replica does not know it yet.
        """
        return await self.get(f"/applications(uniqueName={key(unique_name)})")

    async def application_by_id(self, object_id: str) -> Json | None:
        """The application with that object id, or None."""
        return await self.find(f"/applications/{segment(object_id)}")

    async def applications(self) -> list[Json]:
        """All applications of the tenant (2,000 at most), with what tells whose they are."""
        return await self.collection("/applications", {"$select": "id,appId,displayName,uniqueName,web"})

    async def application_by_app_id(self, app_id: str) -> Json | None:
        """The application with that Application (client) ID, or None."""
        return await self.find(f"/applications(appId={key(app_id)})")

    async def upsert_application(self, unique_name: str, body: Json) -> Json:
        """Create it or change it, and return it whole (1.1: an update answers 204 without a body, so it is read again).

        ``requiredResourceAccess`` and ``web.redirectUris`` are replaced whole: read, merge, write.
        """
        path = f"/applications(uniqueName={key(unique_name)})"
        written = await self.send("PATCH", path, body, headers={"Prefer": "create-if-missing"})
        return as_object(written) if written else await self.get(path)

    async def update_application(self, object_id: str, body: Json) -> None:
        """Change an application."""
        await self.send("PATCH", f"/applications/{segment(object_id)}", body)

    async def delete_application(self, object_id: str) -> None:
        """Delete an application; it stays in the recycle bin for 30 days."""
        await self.remove(f"/applications/{segment(object_id)}")

    async def add_password(self, object_id: str, display_name: str, end: datetime) -> NewPassword:
        """Make a client secret. Each call makes another one, so it is never sent twice here: look first, remove the orphan (1.2)."""
        body = {"passwordCredential": {"displayName": display_name, "endDateTime": instant(end)}}
        made = as_object(await self.send("POST", f"/applications/{segment(object_id)}/addPassword", body))
        secret = made.get("secretText")
        if not is_filled_text(secret):
            raise MalformedAnswer("answer_unreadable", CloudReply("graph", httpx.codes.OK, message="addPassword without secretText"))
        return NewPassword(str(made.get("keyId", "")), str(secret))

    async def remove_password(self, object_id: str, key_id: str) -> None:
        """Remove a client secret by its key id."""
        await self.send("POST", f"/applications/{segment(object_id)}/removePassword", {"keyId": key_id}, repeatable=True)

    # --- service principals, grants, roles ----------------------------------------------------------------------

    async def service_principal(self, app_id: str) -> Json | None:
        """The tenant's service principal of an app, with its ``appRoles`` and ``oauth2PermissionScopes``, or None."""
        return await self.find(f"/servicePrincipals(appId={key(app_id)})")

    async def create_service_principal(self, app_id: str) -> Json:
        """Make the service principal of an app (``POST /applications`` does not, 1.3); a second one cannot come to be.

        Raises:
            AlreadyThere: there is one.
        """
        return as_object(await self.send("POST", "/servicePrincipals", {"appId": app_id}, repeatable=True))

    async def update_service_principal(self, sp_id: str, body: Json) -> None:
        """Change a service principal (1.3): whether it is enabled, whether it is for assigned users only."""
        await self.send("PATCH", f"/servicePrincipals/{segment(sp_id)}", body)

    async def delete_service_principal(self, sp_id: str) -> None:
        """Delete a service principal, and with it what it was granted."""
        await self.remove(f"/servicePrincipals/{segment(sp_id)}")

    async def grants(self, client_sp_id: str) -> list[Json]:
        """The delegated permissions that an app has been granted."""
        found = await self.collection("/oauth2PermissionGrants", {"$filter": f"clientId eq {text(client_sp_id)}"})
        return [grant for grant in found if _is_of(grant, "clientId", client_sp_id)]

    async def create_grant(self, client_sp_id: str, resource_sp_id: str, scope: str, principal_id: str | None = None) -> Json:
        """Grant delegated permissions: for one user, or for everybody in the tenant if ``principal_id`` is None.

        Raises:
            AlreadyThere: there is a grant for this client, resource and principal: merge and :meth:`update_grant`.
        """
        body = {"clientId": client_sp_id, "consentType": "AllPrincipals", "resourceId": resource_sp_id, "scope": scope}
        if principal_id:
            body |= {"consentType": "Principal", "principalId": principal_id}
        return as_object(await self.send("POST", "/oauth2PermissionGrants", body, repeatable=True))

    async def update_grant(self, grant_id: str, scope: str) -> None:
        """Write a grant's scopes; they are replaced, so merge first."""
        await self.send("PATCH", f"/oauth2PermissionGrants/{segment(grant_id)}", {"scope": scope})

    async def delete_grant(self, grant_id: str) -> None:
        """Take a grant back."""
        await self.remove(f"/oauth2PermissionGrants/{segment(grant_id)}")

    async def app_role_assignments(self, sp_id: str) -> list[Json]:
        """The application permissions that an app has been granted."""
        return await self.collection(f"/servicePrincipals/{segment(sp_id)}/appRoleAssignments")

    async def app_role_assigned_to(self, sp_id: str) -> list[Json]:
        """The users, groups and apps that an app is assigned to (1.3)."""
        return await self.collection(f"/servicePrincipals/{segment(sp_id)}/appRoleAssignedTo")

    # --- the tenant and its people -------------------------------------------------------------------------------

    async def user(self, address: str) -> Json | None:
        """A user by UPN, or by any of the mailbox's addresses if no UPN is like that; None if there is nobody."""
        found = await self.find(f"/users/{segment(address)}", {"$select": _USER_FIELDS})
        if found is not None:
            return found
        mail = f"mail eq {text(address)}"
        try:
            matches = await self._users(f"proxyAddresses/any(p:p eq {text('smtp:' + address)}) or {mail}")
        except Rejected:  # such a filter is beyond some directories
            matches = await self._users(mail)
        return matches[0] if len(matches) == 1 else None

    async def _users(self, wanted: str) -> list[Json]:
        return await self.collection("/users", {"$filter": wanted, "$select": _USER_FIELDS})

    async def organization(self) -> Json:
        """The tenant: id, displayName, verifiedDomains."""
        found = await self.collection("/organization", {"$select": "id,displayName,verifiedDomains"})
        return found[0] if found else {}

    async def app_management_policy(self) -> Json:
        """What the tenant forbids about client secrets (1.2)."""
        return await self.get("/policies/defaultAppManagementPolicy")

    async def authorization_policy(self) -> Json:
        """What users may consent to (1.7). It is only ever read."""
        return await self.get("/policies/authorizationPolicy", {"$select": "defaultUserRolePermissions"})

    async def consent_policy_excludes(self, policy_id: str) -> list[Json]:
        """What a user-consent policy leaves out (1.7)."""
        return await self.collection(f"/policies/permissionGrantPolicies/{segment(policy_id)}/excludes")

    async def security_defaults(self) -> bool:
        """Whether security defaults are on (2.1)."""
        policy = await self.get("/policies/identitySecurityDefaultsEnforcementPolicy")
        return bool(policy.get("isEnabled"))

    async def conditional_access_policies(self) -> list[Json]:
        """The tenant's conditional access policies (2.1); one request a second, without Retry-After (7)."""
        return await self.collection("/identity/conditionalAccess/policies")

    async def sign_ins(self, app_id: str, since: datetime) -> list[Json]:
        """The interactive sign-ins to an app (5), in no certain order; needs AuditLog.Read.All and an Entra P1 licence."""
        return await self._sign_ins(app_id, since)

    async def renewals(self, app_id: str, since: datetime) -> list[Json]:
        """The sign-ins that nobody made in person, as the renewal of a token is: only beta lists these (5)."""
        return await self._sign_ins(app_id, since, " and signInEventTypes/any(t:t eq 'nonInteractiveUser')", "beta")

    async def _sign_ins(self, app_id: str, since: datetime, more: str = "", version: str = "v1.0") -> list[Json]:
        wanted = f"appId eq {text(app_id)} and createdDateTime ge {instant(since)}{more}"
        found = await self.collection("/auditLogs/signIns", {"$filter": wanted, "$top": "250"}, pages=2, version=version)
        return [row for row in found if _is_of(row, "appId", app_id)]

    async def service_health(self) -> list[Json]:
        """The health of the services that the tenant has, with their issues; needs ServiceHealth.Read.All.

        Described at learn.microsoft.com/graph/api/serviceannouncement-list-healthoverviews.
        """
        return await self.collection("/admin/serviceAnnouncement/healthOverviews", {"$expand": "issues"})

    # --- message trace ------------------------------------------------------------------------------------------

    async def message_traces(self, wanted: TraceFilter) -> list[Json]:
        """Trace rows, newest first as Graph gives them; 100 requests in 5 minutes (2.5)."""
        return await self.collection("/admin/exchange/tracing/messageTraces", {"$filter": wanted.odata()})

    async def message_trace_details(self, trace_id: str, recipient: str) -> list[Json]:
        """The events of one trace row."""
        path = f"/admin/exchange/tracing/messageTraces/{segment(trace_id)}/getDetailsByRecipient(recipientAddress={key(recipient)})"
        return await self.collection(path)


def _is_of(row: Json, name: str, wanted: str) -> bool:
    """Whether a row is of that one, as far as it says so: a filter that is not heeded must not pass for an answer."""
    return str(row.get(name) or wanted).lower() == wanted.lower()
