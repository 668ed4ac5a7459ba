"""Calls addPassword and removePassword of Graph.

The text of a secret is returned only once (platforms/microsoft.md 1.2).
"""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from practice.microsoft.graph import odata
from practice.microsoft.graph.applications import for_writing, may_write
from practice.microsoft.graph.call import APPS_WRITE, Answer, Call, GraphError, bad, route
from practice.microsoft.world import new_id, stamp

Json = dict[str, Any]
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~._-"
DURATION: Final = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T.*)?")
USUAL: Final = timedelta(days=730)
GIVEN: Final = frozenset({"displayName", "startDateTime", "endDateTime", "customKeyIdentifier"})


@route("POST", "/applications{key}/addPassword", APPS_WRITE)
def add(call: Call, key: str) -> Answer:
    """Add a secret to an application; every call adds one."""
    app = for_writing(call, key)
    may_write(call, app)
    given = call.body.get("passwordCredential") or {}
    for name in given:
        if name not in GIVEN and not name.startswith("@odata."):
            raise bad(f"Property 'passwordCredential.{name}' cannot be set.")
    start, end = _lifetime(call, given)
    text = _new_text()
    made: Json = {
        "customKeyIdentifier": given.get("customKeyIdentifier"),
        "displayName": given.get("displayName"),
        "startDateTime": stamp(start),
        "endDateTime": stamp(end),
        "keyId": new_id(),
        "hint": text[:3],
        "secretText": None,
    }
    call.world.secrets[made["keyId"]] = text
    call.world.told.append(text)
    call.world.put(
        call.tenant.applications, app | {"passwordCredentials": [*app["passwordCredentials"], made]}
    )
    call.note("add_password", app["displayName"], None, made)
    context = f"{odata.root(call)}/$metadata#microsoft.graph.passwordCredential"
    return Answer(200, {"@odata.context": context, **made, "secretText": text})


def _lifetime(call: Call, given: Json) -> tuple[datetime, datetime]:
    """Return the start and the end of the new secret, which the tenant's policy must allow."""
    start = _moment(given.get("startDateTime")) or call.world.now()
    end = _moment(given.get("endDateTime")) or start + USUAL
    if end <= max(start, call.world.now()):
        raise bad("Key credential end date is invalid.")
    _policy(call, end - start)
    return start, end


def _new_text() -> str:
    begin = [secrets.choice(letters) for letters in ("ABCabc", "0123456789", "QRq", "~")]
    return "".join([*begin, *(secrets.choice(LETTERS) for _ in range(36))])


@route("POST", "/applications{key}/removePassword", APPS_WRITE)
def remove(call: Call, key: str) -> Answer:
    """Remove a secret of an application by its keyId."""
    app = for_writing(call, key)
    may_write(call, app)
    gone = [item for item in app["passwordCredentials"] if item["keyId"] == call.body.get("keyId")]
    if not gone:
        raise bad("No password credential found with keyId.")
    kept = [item for item in app["passwordCredentials"] if item not in gone]
    call.world.put(call.tenant.applications, app | {"passwordCredentials": kept})
    call.world.secrets.pop(gone[0]["keyId"], None)
    call.note("remove_password", app["displayName"], gone[0])
    return Answer(204)


def _moment(text: Any) -> datetime | None:
    return odata.date_time(str(text)) if text else None


def _policy(call: Call, life: timedelta) -> None:
    """Enforce the tenant's app management policy, which may forbid secrets or limit their lifetime.

    Raises:
        GraphError: with status 400 when the policy forbids the secret.
    """
    policy = call.tenant.policies.app_management
    if not policy.get("isEnabled"):
        return
    for rule in policy.get("applicationRestrictions", {}).get("passwordCredentials", []):
        if rule.get("state", "enabled") != "enabled":
            continue
        if rule.get("restrictionType") == "passwordAddition":
            raise GraphError(
                400,
                "CredentialTypeNotAllowedAsPerAppPolicy",
                "Credential type not allowed as per assigned policy",
            )
        if rule.get("restrictionType") == "passwordLifetime" and life > _longest(
            rule.get("maxLifetime", "")
        ):
            raise GraphError(
                400,
                "CredentialInvalidLifetimeAsPerAppPolicy",
                "Credential lifetime exceeds the max value allowed as per assigned policy",
            )


def _longest(text: str) -> timedelta:
    found = DURATION.fullmatch(text)
    years, months, days = (int(part or 0) for part in found.groups()) if found else (2, 0, 0)
    return timedelta(days=365 * years + 30 * months + days)
