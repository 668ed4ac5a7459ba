"""Authorize endpoint of the sign-in: its page, and the result of the choice made on the page."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import request

from practice.microsoft import ids
from practice.microsoft.signin import clients, consent, pages, scopes
from practice.microsoft.signin.clients import Client
from practice.microsoft.signin.errors import TEXTS, Trouble
from practice.microsoft.tokens import Code, Vault, client_info
from practice.microsoft.world import Tenant, User, World, new_id, stamp

Json = dict[str, Any]
Query = dict[str, str]
KEPT: Final = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "client_info",
    "prompt",
    "client-request-id",
)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Redirect of the browser, with the URI, the values and the response mode."""

    uri: str
    values: tuple[tuple[str, str], ...]
    mode: str = "query"


def validate(world: World, tenant: str, query: Query) -> Client:
    """Check all requirements of the sign-in page and return the client.

    Raises:
        Trouble: when a requirement is not met.
    """
    client = clients.client(world, tenant, query.get("client_id", ""))
    for name in ("redirect_uri", "response_type", "scope"):
        if not query.get(name):
            raise Trouble(900144, (name,))
    clients.check_redirect(client.app, query["redirect_uri"])
    if query["response_type"] != "code":
        raise Trouble(70005, (query["response_type"],), back=True)
    if query.get("response_mode", "query") not in {"query", "form_post"}:
        raise Trouble(70007, (query["response_mode"],), back=True)
    challenge = query.get("code_challenge", "")
    known = query.get("code_challenge_method", "plain") in {"S256", "plain"}
    if challenge and not (known and re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", challenge)):
        raise Trouble(9002313, back=True)
    scopes.parse(query["scope"], world)
    if query.get("prompt") == "none":
        raise Trouble(50058, back=True)
    return client


def show(world: World, tenant: str, query: Query) -> str:
    """Return the sign-in page with the accounts to choose from."""
    with _noted(world, query, "login_hint"):
        client = validate(world, tenant, query)
    tenants = [client.tenant] if client.tenant else list(world.tenants.values())
    choice = pages.accounts(tenants, query.get("login_hint", ""))
    kept = [(name, query[name]) for name in KEPT if name in query]
    return pages.chooser("Sign in", client.app["displayName"], query["scope"].split(), choice, kept)


def choose(world: World, vault: Vault, tenant: str, query: Query) -> Redirect:
    """Handle the choice on the sign-in page and return a redirect with a code.

    Raises:
        Trouble: when the sign-in fails or is declined.
    """
    with _noted(world, query, "account"):
        client = validate(world, tenant, query)
        if query.get("action", "").lower() != "accept":
            raise Trouble(65004, back=True)
        home, user = client.tenant_for(world, query.get("account", ""))
        _consent(world, client, home, user, query["scope"])
    note_sign_in(world, home, user, client.app, 0, interactive=True, scope=query["scope"])
    code = vault.code(
        Code(
            client.app["appId"],
            home.id,
            user.id,
            query["redirect_uri"],
            query["scope"],
            query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"),
            query.get("nonce", ""),
            world.now(),
        )
    )
    values = {
        "code": code,
        "client_info": client_info(user.id, home.id),
        "state": query.get("state", ""),
        "session_state": new_id(),
    }
    if query.get("client_info") != "1":
        del values["client_info"]
    return Redirect(
        query["redirect_uri"],
        tuple((name, value) for name, value in values.items() if value),
        query.get("response_mode", "query"),
    )


@contextlib.contextmanager
def _noted(world: World, query: Query, who: str) -> Iterator[None]:
    """Log a failed sign-in in the person's tenant, if the app and the person are known there."""
    try:
        yield
    except Trouble as trouble:
        app, found = (
            world.application(query.get("client_id", ""), settled=False),
            world.find_user(query.get(who, "")),
        )
        if app and found and (app[0] is found[0] or app[1].get("signInAudience") != "AzureADMyOrg"):
            note_sign_in(world, *found, app[1], trouble.code, interactive=True)
        raise


def _consent(world: World, client: Client, tenant: Tenant, user: User, text: str) -> None:
    scopes_asked = consent.asked(world, client.app, scopes.parse(text, world))
    principal = next(
        (item for item in tenant.principals.written() if item["appId"] == client.app["appId"]), None
    )
    left = consent.missing(world, tenant, principal, user, scopes_asked)
    if left and not consent.may_consent(world, tenant, user, left, principal):
        raise Trouble(90094)
    principal = clients.principal_of(client, tenant)
    if left:
        consent.agree(world, tenant, principal, left, user)


def note_sign_in(  # noqa: PLR0913  the fields of a log entry
    world: World,
    tenant: Tenant,
    user: User,
    app: Json,
    code: int,
    *,
    interactive: bool,
    scope: str = "",
) -> None:
    """Add a row to the sign-in log.

    The row names the resource of the token, if a token was issued. Its request number is the
    client's or a new one, because no document says which. A browser brings the client's number in
    the address of the sign-in page.
    """
    number = request.headers.get("client-request-id") or request.values.get("client-request-id")
    number = "" if tenant.log_numbers_itself else number
    wanted = scopes.parse(scope, world).wanted
    tenant.sign_ins.append(
        {
            "id": new_id(),
            "createdDateTime": stamp(world.now()),
            "userDisplayName": user.name,
            "userPrincipalName": user.upn,
            "userId": user.id,
            "appId": app["appId"],
            "appDisplayName": app["displayName"],
            "clientAppUsed": "Browser",
            "ipAddress": "127.0.0.1",
            "isInteractive": interactive,
            "signInEventTypes": ["interactiveUser" if interactive else "nonInteractiveUser"],
            **clients.applied(tenant, user, code, interactive=interactive),
            "resourceDisplayName": ids.RESOURCE_NAMES.get(wanted[0].app_id) if wanted else None,
            "resourceId": wanted[0].app_id if wanted else None,
            "correlationId": number or new_id(),
            "status": {
                "errorCode": code,
                "failureReason": TEXTS[code][1] if code else "Other.",
                "additionalDetails": None,
            },
        }
    )
