"""The email app's registration as plain data, and the tenant's rules for its client secrets.

Wanted values are merged into the registration. Source: platforms/microsoft.md 1.1 and 1.2.
"""

import calendar
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jobs.causes.cause import Cause
from jobs.clock import parse
from jobs.clouds.json_values import Json, as_dict, lower_of, part_of, text_of

OTHERS = {"spa": Cause.REDIRECT_URI_IS_SPA, "publicClient": Cause.PUBLIC_CLIENT_WITH_SECRET}
"""Platforms besides Web; the cause if a Call Back URL is there (platforms/microsoft.md 4, 5)."""


def unique_name(mailbox: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", mailbox.lower()).strip("-")[:80]
    return f"webexconnect-{words}-{hashlib.sha256(mailbox.encode()).hexdigest()[:6]}"


def redirect_uris(app: Json | None) -> tuple[str, ...]:
    return tuple(_registered(app, "web"))


def platform_uris(app: Json | None) -> tuple[str, ...]:
    return tuple(uri for name in ("web", *OTHERS) for uri in _registered(app, name))


def elsewhere(app: Json | None, uris: Iterable[str]) -> dict[str, list[str]]:
    """Return those of ``uris`` that are registered under a platform other than Web, by platform."""
    there = {name: set(_registered(app, name)) for name in OTHERS}
    found = {name: [uri for uri in uris if uri in there[name]] for name in OTHERS}
    return {name: here for name, here in found.items() if here}


def moved_away(app: Json | None, uris: Iterable[str]) -> dict[str, Json]:
    """Return the platforms from :func:`elsewhere` without ``uris``, as parts of a PATCH body."""
    away = elsewhere(app, uris)
    return {
        name: {"redirectUris": [uri for uri in _registered(app, name) if uri not in away[name]]}
        for name in away
    }


def moved_back(app: Json | None, was: Mapping[str, Iterable[str]]) -> dict[str, Json]:
    return {
        name: {"redirectUris": merged(_registered(app, name), uris)} for name, uris in was.items()
    }


def _registered(app: Json | None, platform: str) -> list[str]:
    return _list(part_of(app, platform), "redirectUris")


def _list(whole: Json | None, name: str) -> list[Any]:
    return list((whole or {}).get(name) or ())


def web(app: Json | None) -> Json:
    """Return the Web platform without ``redirectUriSettings``, which would contradict it."""
    return {
        name: value
        for name, value in part_of(app, "web").items()
        if value is not None and name != "redirectUriSettings"
    }


def issues_access_tokens(app: Json | None) -> bool:
    grants = part_of(part_of(app, "web"), "implicitGrantSettings")
    return bool(grants.get("enableAccessTokenIssuance"))


def declares(app: Json | None, resource: str, permission: str) -> bool:
    known = {(each, number) for each, number, _ in declared(app)}
    return (resource.lower(), permission.lower()) in known


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
        access = [
            each
            for each in _list(entry, "resourceAccess")
            if (lower_of(entry, "resourceAppId"), lower_of(each, "id")) != unwanted
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
    lists = {"scope": "oauth2PermissionScopes", "role": "appRoles"}
    exposed = {
        resource: {
            (lower_of(each, "id"), kind) for kind in lists for each in _list(one, lists[kind])
        }
        for resource, one in principals.items()
    }
    return tuple(
        (res, each)
        for res, each, kind in declared(app)
        if exposed.get(res) and (each, kind) not in exposed[res]
    )


def merged(there: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return ``there`` in order, then the missing ones of ``wanted``, compared byte for byte."""
    there = list(there)
    return there + [value for value in wanted if value not in there]


def permission_id(principal: Json | None, value: str, *, role: bool = False) -> str:
    """Return a permission's id as the tenant has it, never hard-coded (microsoft.md 1.4), or ''."""
    ids = (
        text_of(entry, "id")
        for entry in _list(principal, "appRoles" if role else "oauth2PermissionScopes")
        if str(entry.get("value")).lower() == value.lower() and entry.get("isEnabled") is not False
    )
    return next(filter(None, ids), "")


_LONG = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(.*)")
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SecretRules:
    """Rules for new secrets of an app; ``longest`` is their longest lifetime, None is unlimited."""

    forbidden: bool = False
    longest: timedelta | None = None


def rules_for(policy: Json, made: datetime) -> SecretRules:
    """Return the policy's restrictions that are enabled and apply to an app created at ``made``."""
    rules = [(lower_of(rule, "restrictionType"), rule) for rule in _in_force(policy, made)]
    lifetimes = (rule for kind, rule in rules if kind == "passwordlifetime")
    limits = (_duration(text_of(rule, "maxLifetime")) for rule in lifetimes)
    forbidden = any(kind == "passwordaddition" for kind, _ in rules)
    return SecretRules(forbidden, min(filter(None, limits), default=None))


def expiry(start: datetime, months: int, limit: timedelta | None) -> datetime:
    """Return the same day ``months`` later, or the limit less five minutes, as clocks differ."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    end = start.replace(year=year, month=month, day=day, microsecond=0)
    if limit is None or limit > end - start:
        return end
    return (start + limit - _CLOCKS_DIFFER).replace(microsecond=0)


def _in_force(policy: Json, made: datetime) -> Iterator[Json]:
    """Yield the restrictions that apply to an app created at ``made``.

    A restriction may exempt apps created before a date. Only ``disabled`` is off; null is Graph's
    word for the default.
    """
    if policy.get("isEnabled") is False:
        return
    for rule in as_dict(policy.get("applicationRestrictions")).get("passwordCredentials") or ():
        since = parse(rule.get("restrictForAppsCreatedAfterDateTime"))
        if lower_of(rule, "state") != "disabled" and (since is None or since <= made):
            yield rule


def _duration(text: str) -> timedelta | None:
    """Return an ISO 8601 duration, or None; years have 365 days and months 30."""
    found = _LONG.match(text)
    if found is None:
        return None
    years, months, rest = found.groups("0")
    try:
        short = msgspec.convert(f"P{rest}", timedelta) if rest else timedelta()
        return short + timedelta(days=365 * int(years) + 30 * int(months)) or None
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None
