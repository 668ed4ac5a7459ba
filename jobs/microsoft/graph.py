"""Microsoft Graph v1.0: each method is one documented request of facts sections 1, 2 and 7.

No decisions are made here. JSON answers are returned as JSON, and every failure is a
:class:`jobs.clouds.errors.CloudError`.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from jobs.causes.cause import ErrorKind
from jobs.causes.patterns import answer_of
from jobs.clouds import errors
from jobs.clouds.http import Call, TokenSource, request
from jobs.clouds.json_values import Json, as_dict, dicts_in, is_filled_text, parsed, text_of
from jobs.clouds.rate_limit import RateLimiter, SingleFlight

Params = Mapping[str, str]

_MOST_PAGES = 20


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def key(value: str) -> str:
    return f"'{segment(value.replace(chr(39), chr(39) * 2))}'"


def segment(value: str) -> str:
    """Return a percent-encoded path segment, including the ``#`` in a guest's UPN."""
    return quote(value, safe="@")


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def as_object(data: Any) -> Json:
    if not isinstance(data, dict):
        raise errors.unreadable("graph", "not a JSON object", httpx.codes.OK)
    return data


def promised(row: Json, name: str) -> str:
    """Return a value that the documentation promises.

    Raises:
        MalformedAnswer: it is missing, which says nothing about the tenant.
    """
    if row.get(name) in (None, ""):
        raise errors.unreadable("graph", f"an object without {name}", httpx.codes.OK)
    return str(row[name])


def rows_of(page: Json) -> list[Json]:
    """Return the objects in a page of a collection.

    Raises:
        MalformedAnswer: the page has no list, which does not mean an empty one.
    """
    rows = page.get("value")
    if not isinstance(rows, list) or dicts_in(rows) != rows:
        raise errors.unreadable("graph", "a page without a list of objects", httpx.codes.OK)
    return rows


APPLICATIONS, PRINCIPALS, GRANTS = "applications", "servicePrincipals", "oauth2PermissionGrants"
EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
#: Service principal that must exist in the tenant before Graph traces messages (microsoft.md 2.5).
MESSAGE_TRACE_APP_ID = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"

ROLE_ASSIGNMENTS = "appRoleAssignments"
MOST_EXPANDED = 20
"""Objects that Graph expands of one in the directory; it leaves out others without a link.

Source: learn.microsoft.com/graph/query-parameters, "expand parameter".
"""
LARGEST_PAGE = "999"
MOST_SIGN_INS, SIGN_IN_PAGES = 250, 2
RENEWALS = ("nonInteractiveUser",)
SIGN_INS_AND_RENEWALS = ("interactiveUser", *RENEWALS)
_USER_FIELDS = (
    "id,accountEnabled,assignedPlans,displayName,mail,proxyAddresses,userPrincipalName,"
    "createdDateTime,signInSessionsValidFromDateTime"
)


def error_body(response: httpx.Response) -> Json:
    """Return the ``error`` object of an answer, or an empty one for HTML or NUL bytes."""
    body = as_dict(parsed(response.content))
    error = as_dict(body.get("error") or body.get("odata.error"))
    words = error.get("message")  # OData's older form nests the message in an object
    return error | {"message": words.get("value")} if isinstance(words, dict) else error


def judge_graph(response: httpx.Response, ids: errors.RequestIds) -> errors.CloudError:
    """Return Graph's error: a known code or phrase precedes the status, except at 429 and 5xx."""
    error = error_body(response)
    code, message = text_of(error, "code"), text_of(error, "message")
    meaning = errors.by_status(response.status_code, gateway=not error)
    if meaning.kind is not ErrorKind.TRANSIENT:
        meaning = answer_of("graph", code, message) or meaning
    inner = as_dict(error.get("innerError") or error.get("innererror"))
    request_id = ids.request_id or text_of(inner, "request-id")
    ids = replace(ids, request_id=request_id, timestamp=text_of(inner, "date"))
    return errors.error_for(meaning, "graph", response.status_code, code, message, ids)


@dataclass(frozen=True, slots=True)
class NewPassword:
    key_id: str
    secret: str = field(repr=False)


@dataclass(eq=False)
class Graph:
    """One tenant's directory, with the permissions of ``token_source``'s token.

    Requests go below ``/v1.0``, and below ``/beta`` for data that only beta lists.
    """

    http: httpx.AsyncClient
    token_source: TokenSource
    base_url: str
    memo: SingleFlight = field(default_factory=SingleFlight)
    pace: RateLimiter = field(default_factory=RateLimiter)

    def _url(self, path: str, version: str = "v1.0") -> str:
        return f"{self.base_url}/{version}{path}"

    async def find(self, path: str, params: Params | None = None) -> Json | None:
        try:
            return await self.get(path, params)
        except errors.NotFound:
            return None

    async def get(self, path: str, params: Params | None = None, *, has: str = "id") -> Json:
        """Return the object at a path.

        Raises:
            MalformedAnswer: the answer has no field ``has``, so it is not that object.
        """
        found = as_object(await self._call(Call("graph", "GET", self._url(path), params or {})))
        promised(found, has)
        return found

    async def collection(
        self,
        path: str,
        params: Params | None = None,
        *,
        pages: int | None = None,
        version: str = "v1.0",
        headers: Params | None = None,
    ) -> list[Json]:
        """Return the objects of all pages, at most 20 (MalformedAnswer), or of the first ``pages``."""
        rows: list[Json] = []
        call = Call("graph", "GET", self._url(path, version), params or {}, headers or {})
        for _ in range(pages or _MOST_PAGES):
            page = as_object(await self._call(call))
            rows += rows_of(page)
            if not (following := self._following(page, version)):
                return rows
            call = replace(call, url=following, params={})
        if pages is None:
            raise errors.unreadable("graph", f"more than {_MOST_PAGES} pages", httpx.codes.OK)
        return rows

    def _following(self, page: Json, version: str) -> str:
        """Return the next page's URL at this Graph, where the token may go, or '' after the last.

        Raises:
            MalformedAnswer: the link points elsewhere; without its rows nothing can be missing.
        """
        link = text_of(page, "@odata.nextLink")
        if not link:
            return ""
        _, found, rest = link.partition(f"/{version}/")
        if not found:
            raise errors.unreadable("graph", "a next page that is not Graph's", httpx.codes.OK)
        return self._url(f"/{rest}", version)

    async def send(
        self, method: str, path: str, body: Json | None = None, *, repeatable: bool | None = None
    ) -> Any:
        return await self._call(Call("graph", method, self._url(path), {}, {}, body, repeatable))

    async def update(self, kind: str, object_id: str, body: Json) -> None:
        """Change an object of a collection, such as ``applications``; lists are replaced."""
        await self.send("PATCH", f"/{kind}/{segment(object_id)}", body)

    async def delete(self, kind: str, object_id: str) -> None:
        """Delete an object, an app for 30 days restorably; a 404 is success after a lost answer."""
        with suppress(errors.NotFound):
            await self.send("DELETE", f"/{kind}/{segment(object_id)}")

    async def _call(self, call: Call) -> Any:
        if call.method == "GET":
            return await self.memo.read(f"GET {call.address}", lambda: self._sent(call))
        async with self.memo.writing():
            return await self._sent(call)

    async def _sent(self, call: Call) -> Any:
        async with self.pace.slot(call.url):
            return (await request(self.http, call, judge_graph, source=self.token_source)).data

    # --- the email app ----------------------------------------------------------------------------

    async def application_by_unique_name(self, unique_name: str) -> Json | None:
        return await self.find(f"/applications(uniqueName={key(unique_name)})")

    async def application(self, unique_name: str) -> Json:
        """Return the application with that ``uniqueName``.

        Raises:
            NotFound: it does not exist, or this replica does not know it yet.
        """
        return await self.get(f"/applications(uniqueName={key(unique_name)})")

    async def application_by_id(self, object_id: str) -> Json | None:
        return await self.find(f"/applications/{segment(object_id)}")

    async def applications(self) -> list[Json]:
        """Return the applications (2,000 at most) with the fields that show their mailbox."""
        wanted = {"$select": "id,appId,displayName,uniqueName,web"}
        return await self.collection("/applications", wanted, pages=_MOST_PAGES)

    async def application_by_app_id(self, app_id: str) -> Json | None:
        return await self.find(f"/applications(appId={key(app_id)})")

    async def upsert_application(self, unique_name: str, body: Json) -> None:
        """Create or update an application (microsoft.md 1.1).

        ``requiredResourceAccess`` and ``web.redirectUris`` are replaced as a whole, so the caller
        merges them before.
        """
        path = f"/applications(uniqueName={key(unique_name)})"
        prefer = {"Prefer": "create-if-missing"}
        await self._call(Call("graph", "PATCH", self._url(path), {}, prefer, body))

    async def add_password(self, object_id: str, display_name: str, end: datetime) -> NewPassword:
        """Create a client secret; never retried, because each call creates another one.

        Look for the secret first and remove the orphan (microsoft.md 1.2).
        """
        body = {"passwordCredential": {"displayName": display_name, "endDateTime": instant(end)}}
        path = f"/applications/{segment(object_id)}/addPassword"
        made = as_object(await self.send("POST", path, body))
        secret = made.get("secretText")
        if not is_filled_text(secret):
            raise errors.unreadable("graph", "addPassword without secretText", httpx.codes.OK)
        return NewPassword(text_of(made, "keyId"), str(secret))

    async def remove_password(self, object_id: str, key_id: str) -> None:
        path = f"/applications/{segment(object_id)}/removePassword"
        await self.send("POST", path, {"keyId": key_id}, repeatable=True)

    # --- service principals, grants, roles --------------------------------------------------------

    async def service_principal(self, app_id: str, *, with_roles: bool = False) -> Json | None:
        """Return the tenant's service principal of an app, or None.

        It includes ``appRoles`` and ``oauth2PermissionScopes``. With ``with_roles`` it includes the
        first 20 ``appRoleAssignments`` as well, unless Graph refuses to expand them.
        """
        path = f"/servicePrincipals(appId={key(app_id)})"
        if with_roles:
            with suppress(errors.Rejected):
                return await self.find(path, {"$expand": ROLE_ASSIGNMENTS})
        return await self.find(path)

    async def create_service_principal(self, app_id: str) -> None:
        """Create the service principal of an app; a retry is safe, as there is no second one.

        ``POST /applications`` does not create it (microsoft.md 1.3).

        Raises:
            AlreadyExists: the app has a service principal already.
        """
        await self.send("POST", "/servicePrincipals", {"appId": app_id}, repeatable=True)

    async def grants(self, client_sp_id: str) -> list[Json]:
        found = await self.collection(
            "/oauth2PermissionGrants", {"$filter": f"clientId eq {text(client_sp_id)}"}
        )
        return [grant for grant in found if _is_of(grant, "clientId", client_sp_id)]

    async def all_grants(self) -> list[Json] | None:
        """Return the delegated permissions of every app, or None if they do not fit on one page."""
        page = await self.get("/oauth2PermissionGrants", {"$top": LARGEST_PAGE}, has="value")
        return None if "@odata.nextLink" in page else rows_of(page)

    async def create_grant(self, client_sp: str, resource_sp: str, scope: str, user: str) -> None:
        """Grant delegated permissions to one user.

        Raises:
            AlreadyExists: there is such a grant. Merge its scopes, then call :meth:`update`.
        """
        body = {"clientId": client_sp, "resourceId": resource_sp, "scope": scope}
        body |= {"consentType": "Principal", "principalId": user}
        await self.send("POST", "/oauth2PermissionGrants", body, repeatable=True)

    async def app_role_assignments(self, sp_id: str) -> list[Json]:
        return await self.collection(f"/servicePrincipals/{segment(sp_id)}/appRoleAssignments")

    async def app_role_assigned_to(self, sp_id: str) -> list[Json]:
        """Return the users, groups and apps that are assigned to an app (microsoft.md 1.3)."""
        return await self.collection(f"/servicePrincipals/{segment(sp_id)}/appRoleAssignedTo")

    # --- the tenant and its people ----------------------------------------------------------------

    async def user(self, address: str) -> Json | None:
        """Return a user by UPN, or else by any address; None without exactly one."""
        if found := await self.find(f"/users/{segment(address)}", {"$select": _USER_FIELDS}):
            return found
        mail = f"mail eq {text(address)}"
        try:
            proxy = f"proxyAddresses/any(p:p eq {text('smtp:' + address)})"
            matches = await self._users(f"{proxy} or {mail}")
        except errors.Rejected:  # some directories do not support such a filter
            matches = await self._users(mail)
        return matches[0] if len(matches) == 1 else None

    async def _users(self, wanted: str) -> list[Json]:
        return await self.collection("/users", {"$filter": wanted, "$select": _USER_FIELDS})

    async def verified_domains(self) -> set[str]:
        """Return the tenant's domains in lower case; none if the directory does not show them."""
        rows = await self.collection("/organization", {"$select": "id,verifiedDomains"})
        listed = (domain for row in rows for domain in dicts_in(row.get("verifiedDomains")))
        return {text_of(domain, "name").lower() for domain in listed}

    async def app_management_policy(self) -> Json:
        """Return the tenant's policy with its restrictions on client secrets (microsoft.md 1.2)."""
        return await self.get("/policies/defaultAppManagementPolicy")

    async def authorization_policy(self) -> Json:
        """Return the policy on the consent that users may give (microsoft.md 1.7), only read."""
        path, wanted = "/policies/authorizationPolicy", "defaultUserRolePermissions"
        return await self.get(path, {"$select": wanted}, has=wanted)

    async def security_defaults(self) -> bool:
        """Return whether security defaults are on (microsoft.md 2.1)."""
        path, told = "/policies/identitySecurityDefaultsEnforcementPolicy", "isEnabled"
        return bool((await self.get(path, has=told))[told])

    async def conditional_access_policies(self) -> list[Json]:
        """Return the Conditional Access policies (microsoft.md 2.1; one request a second, 7)."""
        return await self.collection("/identity/conditionalAccess/policies")

    async def sign_ins(
        self, of: str, id_: str, since: datetime, version: str = "v1.0", kinds: tuple[str, ...] = ()
    ) -> list[Json]:
        """Return the sign-ins of an ``appId`` or ``userId``, unordered (AuditLog.Read.All, P1).

        Without ``kinds`` (``signInEventTypes``, only in beta) they are the interactive ones. Only
        beta may name the secret that was used (learn.microsoft.com/graph/api/resources/signin).
        """
        wanted = f"{of} eq {text(id_)} and createdDateTime ge {instant(since)}"
        if kinds:
            either = " or ".join(f"t eq {text(kind)}" for kind in kinds)
            wanted += f" and signInEventTypes/any(t:{either})"
        path, query = "/auditLogs/signIns", {"$filter": wanted, "$top": str(MOST_SIGN_INS)}
        found = await self.collection(path, query, pages=SIGN_IN_PAGES, version=version)
        return [row for row in found if _is_of(row, of, id_)]

    async def directory_audits(self, object_id: str, since: datetime) -> list[Json]:
        """Return the changes of an object of the directory (AuditLog.Read.All, no license).

        Source: learn.microsoft.com/graph/api/directoryaudit-list.
        """
        target = f"targetResources/any(t:t/id eq {text(object_id)})"
        wanted = f"activityDateTime ge {instant(since)} and {target}"
        return await self.collection("/auditLogs/directoryAudits", {"$filter": wanted}, pages=1)

    async def service_health(self) -> list[Json]:
        """Return the health of the tenant's services with their issues (ServiceHealth.Read.All).

        Source: learn.microsoft.com/graph/api/serviceannouncement-list-healthoverviews.
        """
        path = "/admin/serviceAnnouncement/healthOverviews"
        return await self.collection(path, {"$expand": "issues"})

    # --- message trace ----------------------------------------------------------------------------

    async def message_traces(
        self, since: datetime, until: datetime, recipient: str, sender: str, subject: str
    ) -> list[Json]:
        """Return trace rows, newest first (100 requests in 5 minutes, microsoft.md 2.5).

        The interval has at most 10 days and begins at most 90 days ago. Empty parts do not filter.
        """
        parts = {
            "recipientAddress eq {}": recipient,
            "senderAddress eq {}": sender,
            "contains(subject, {})": subject,
        }
        filters = [pattern.format(text(value)) for pattern, value in parts.items() if value]
        filters += [
            f"receivedDateTime ge {instant(since)}",
            f"receivedDateTime le {instant(until)}",
        ]
        path, query = "/admin/exchange/tracing/messageTraces", {"$filter": " and ".join(filters)}
        return await self.collection(path, query, pages=_MOST_PAGES)

    async def message_trace_details(self, trace_id: str, recipient: str) -> list[Json]:
        path = (
            f"/admin/exchange/tracing/messageTraces/{segment(trace_id)}"
            f"/getDetailsByRecipient(recipientAddress={key(recipient)})"
        )
        return await self.collection(path)


def _is_of(row: Json, name: str, wanted: str) -> bool:
    """Return whether a row's field is ``wanted`` or missing, because Graph may ignore a filter."""
    return str(row.get(name) or wanted).lower() == wanted.lower()
