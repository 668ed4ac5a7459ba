"""The email app's registration as plain data: its name, and merging what we want into what is there (facts/microsoft.md 1.1)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
OTHERS = {"spa": "redirect_uri_is_spa", "publicClient": "public_client_with_secret"}
"""The platforms beside Web, and what comes of a Call Back URL that is registered there (facts/microsoft.md 4 and 5)."""


def unique_name(mailbox: str) -> str:
    """The ``uniqueName`` of a mailbox's app: the natural key by which every run finds it again."""
    words = re.sub(r"[^a-z0-9]+", "-", mailbox.lower()).strip("-")[:80]
    return f"webexconnect-{words}-{hashlib.sha256(mailbox.encode()).hexdigest()[:6]}"


def display_name(mailbox: str) -> str:
    """What administrators see."""
    return f"Webex Connect email ({mailbox})"


def redirect_uris(app: Json | None) -> tuple[str, ...]:
    """The Web redirect addresses that are registered."""
    return tuple(((app or {}).get("web") or {}).get("redirectUris") or ())


def elsewhere(app: Json | None, uris: Iterable[str]) -> dict[str, list[str]]:
    """Which of the addresses are registered under another platform than Web, by platform."""
    found = {name: [uri for uri in uris if uri in _registered(app, name)] for name in OTHERS}
    return {name: here for name, here in found.items() if here}


def moved_away(app: Json | None, uris: Iterable[str]) -> dict[str, Json]:
    """Those platforms without the addresses, as they can be written."""
    away = elsewhere(app, uris)
    return {name: {"redirectUris": [uri for uri in _registered(app, name) if uri not in away[name]]} for name in away}


def moved_back(app: Json | None, was: Mapping[str, Iterable[str]]) -> dict[str, Json]:
    """The platforms with the addresses that were moved away from them."""
    return {name: {"redirectUris": merged(_registered(app, name), uris)} for name, uris in was.items()}


def _registered(app: Json | None, platform: str) -> list[str]:
    return list(((app or {}).get(platform) or {}).get("redirectUris") or ())


def web(app: Json | None) -> Json:
    """The Web platform as it can be written back. ``redirectUriSettings`` repeats the addresses, and would contradict new ones."""
    there = (app or {}).get("web") or {}
    return {name: value for name, value in there.items() if value is not None and name != "redirectUriSettings"}


def issues_access_tokens(app: Json | None) -> bool:
    """Whether "Access tokens" is ticked under implicit grant."""
    grants = ((app or {}).get("web") or {}).get("implicitGrantSettings") or {}
    return bool(grants.get("enableAccessTokenIssuance"))


def declares(app: Json | None, resource: str, permission: str) -> bool:
    """Whether the app asks for the permission of the resource (an appId) with that id."""
    return any(
        str(entry.get("resourceAppId", "")).lower() == resource.lower()
        and any(str(access.get("id", "")).lower() == permission.lower() for access in entry.get("resourceAccess") or ())
        for entry in (app or {}).get("requiredResourceAccess") or ()
    )


def with_permission(app: Json | None, resource: str, permission: str, kind: str) -> list[Json]:
    """``requiredResourceAccess`` with one more permission; a PATCH replaces the whole list, so everything else stays in."""
    entries = [dict(entry) for entry in (app or {}).get("requiredResourceAccess") or ()]
    if declares(app, resource, permission):
        return entries
    wanted = {"id": permission, "type": kind}
    for entry in entries:
        if str(entry.get("resourceAppId", "")).lower() == resource.lower():
            entry["resourceAccess"] = [*(entry.get("resourceAccess") or ()), wanted]
            return entries
    return [*entries, {"resourceAppId": resource, "resourceAccess": [wanted]}]


def without_permission(app: Json | None, resource: str, permission: str) -> list[Json]:
    """``requiredResourceAccess`` without that permission."""
    kept = []
    for entry in (app or {}).get("requiredResourceAccess") or ():
        same = str(entry.get("resourceAppId", "")).lower() == resource.lower()
        access = [a for a in entry.get("resourceAccess") or () if not (same and str(a.get("id", "")).lower() == permission.lower())]
        if access:
            kept.append({**entry, "resourceAccess": access})
    return kept


def declared(app: Json | None) -> Iterator[tuple[str, str, str]]:
    """Every permission that the app asks for: resource (an appId), id and kind (``scope`` or ``role``), in lower case."""
    for entry in (app or {}).get("requiredResourceAccess") or ():
        for access in entry.get("resourceAccess") or ():
            yield _low(entry.get("resourceAppId")), _low(access.get("id")), _low(access.get("type"))


def _low(value: object) -> str:
    return str(value or "").lower()


def unknown_to(app: Json | None, principals: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """What the app declares, as (resource, id), that the resource's service principal does not expose: it breaks consent (AADSTS65006).

    A principal that does not tell what it exposes is believed in nothing.
    """
    exposed = {resource: _exposed(principal) for resource, principal in principals.items()}
    return tuple((res, each) for res, each, kind in declared(app) if exposed.get(res) and (each, kind) not in exposed[res])


def _exposed(principal: Json) -> set[tuple[str, str]]:
    kinds = {"scope": "oauth2PermissionScopes", "role": "appRoles"}
    return {(_low(each.get("id")), kind) for kind, name in kinds.items() for each in principal.get(name) or ()}


def merged(there: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """All that is there, in its order, then what is missing; compared byte for byte."""
    there = list(there)
    return there + [value for value in wanted if value not in there]


def permission_id(principal: Json | None, value: str, *, role: bool = False) -> str:
    """The id that a tenant's service principal gives a permission, or the empty string; never written down (facts 1.4)."""
    entries = (principal or {}).get("appRoles" if role else "oauth2PermissionScopes") or ()
    wanted = (e for e in entries if str(e.get("value")).lower() == value.lower() and e.get("isEnabled") is not False)
    return next((str(e["id"]) for e in wanted if e.get("id")), "")
