"""The email app's registration as plain data: its name, and merging wanted values into it.

Source: platforms/microsoft.md 1.1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobs.causes.cause import Cause
from jobs.clouds.json_values import lower_of, text_of

Json = dict[str, Any]
OTHERS = {"spa": Cause.REDIRECT_URI_IS_SPA, "publicClient": Cause.PUBLIC_CLIENT_WITH_SECRET}
"""Platforms other than Web, with the cause that a Call Back URL registered there leads to
(platforms/microsoft.md 4 and 5).
"""


def unique_name(mailbox: str) -> str:
    """Return the ``uniqueName`` of a mailbox's app, with which every run finds the app."""
    words = re.sub(r"[^a-z0-9]+", "-", mailbox.lower()).strip("-")[:80]
    return f"webexconnect-{words}-{hashlib.sha256(mailbox.encode()).hexdigest()[:6]}"


def display_name(mailbox: str) -> str:
    return f"Webex Connect email ({mailbox})"


def redirect_uris(app: Json | None) -> tuple[str, ...]:
    return tuple(_registered(app, "web"))


def platform_uris(app: Json | None) -> tuple[str, ...]:
    """Return the redirect URIs of every platform, those under Web first."""
    return tuple(uri for name in ("web", *OTHERS) for uri in _registered(app, name))


def elsewhere(app: Json | None, uris: Iterable[str]) -> dict[str, list[str]]:
    """Return those of ``uris`` that are registered under a platform other than Web, by platform."""
    found = {name: _shared(uris, _registered(app, name)) for name in OTHERS}
    return {name: here for name, here in found.items() if here}


def _shared(uris: Iterable[str], registered: list[str]) -> list[str]:
    """Return those of ``uris`` that are among the ``registered`` ones."""
    return [uri for uri in uris if uri in registered]


def moved_away(app: Json | None, uris: Iterable[str]) -> dict[str, Json]:
    """Return the platforms from :func:`elsewhere` without ``uris``, as parts of a PATCH body."""
    away = elsewhere(app, uris)
    return {
        name: {"redirectUris": [uri for uri in _registered(app, name) if uri not in away[name]]}
        for name in away
    }


def moved_back(app: Json | None, was: Mapping[str, Iterable[str]]) -> dict[str, Json]:
    """Return the platforms with the URIs that were moved away from them (``was``) added back."""
    return {
        name: {"redirectUris": merged(_registered(app, name), uris)} for name, uris in was.items()
    }


def _registered(app: Json | None, platform: str) -> list[str]:
    return _list(_part(app, platform), "redirectUris")


def _part(whole: Json | None, name: str) -> Json:
    return (whole or {}).get(name) or {}


def _list(whole: Json | None, name: str) -> list[Any]:
    return list((whole or {}).get(name) or ())


def web(app: Json | None) -> Json:
    """Return the Web platform without ``redirectUriSettings``, which would contradict it."""
    return {
        name: value
        for name, value in _part(app, "web").items()
        if value is not None and name != "redirectUriSettings"
    }


def issues_access_tokens(app: Json | None) -> bool:
    """Return whether "Access tokens" is ticked under implicit grant."""
    grants = _part(_part(app, "web"), "implicitGrantSettings")
    return bool(grants.get("enableAccessTokenIssuance"))


def declares(app: Json | None, resource: str, permission: str) -> bool:
    """Return whether the app requests this permission id of the API with this appId."""
    return (resource.lower(), permission.lower()) in {
        (each, number) for each, number, _ in declared(app)
    }


def with_permission(app: Json | None, resource: str, permission: str, kind: str) -> list[Json]:
    """Return ``requiredResourceAccess`` with one more permission: a PATCH replaces the list."""
    entries = [dict(entry) for entry in _list(app, "requiredResourceAccess")]
    if declares(app, resource, permission):
        return entries
    wanted = {"id": permission, "type": kind}
    for entry in entries:
        if lower_of(entry, "resourceAppId") == resource.lower():
            entry["resourceAccess"] = [*_list(entry, "resourceAccess"), wanted]
            return entries
    return [*entries, {"resourceAppId": resource, "resourceAccess": [wanted]}]


def without_permission(app: Json | None, resource: str, permission: str) -> list[Json]:
    unwanted, kept = (resource.lower(), permission.lower()), []
    for entry in _list(app, "requiredResourceAccess"):
        number = lower_of(entry, "resourceAppId")
        access = [
            each
            for each in _list(entry, "resourceAccess")
            if (number, lower_of(each, "id")) != unwanted
        ]
        if access:
            kept.append({**entry, "resourceAccess": access})
    return kept


def declared(app: Json | None) -> Iterator[tuple[str, str, str]]:
    """Yield every permission that the app requests: its resource's appId, its id, its kind."""
    for entry in _list(app, "requiredResourceAccess"):
        for access in _list(entry, "resourceAccess"):
            yield lower_of(entry, "resourceAppId"), lower_of(access, "id"), lower_of(access, "type")


def unknown_to(app: Json | None, principals: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Return the declared permissions, as (resource, id), that the resource does not expose.

    Such a permission breaks consent (AADSTS65006). A service principal that does not list the
    permissions that it exposes is skipped.
    """
    exposed = {resource: _exposed(principal) for resource, principal in principals.items()}
    return tuple(
        (res, each)
        for res, each, kind in declared(app)
        if exposed.get(res) and (each, kind) not in exposed[res]
    )


def _exposed(principal: Json) -> set[tuple[str, str]]:
    kinds = {"scope": "oauth2PermissionScopes", "role": "appRoles"}
    return {
        (lower_of(each, "id"), kind)
        for kind, name in kinds.items()
        for each in _list(principal, name)
    }


def merged(there: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return ``there`` in order, then the missing ones of ``wanted``, compared byte for byte."""
    there = list(there)
    return there + [value for value in wanted if value not in there]


def permission_id(principal: Json | None, value: str, *, role: bool = False) -> str:
    """Return a permission's id as the tenant has it, never hard-coded (facts 1.4), or ''."""
    entries = _list(principal, "appRoles" if role else "oauth2PermissionScopes")
    ids = (
        text_of(entry, "id")
        for entry in entries
        if str(entry.get("value")).lower() == value.lower() and entry.get("isEnabled") is not False
    )
    return next(filter(None, ids), "")
