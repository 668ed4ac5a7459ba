"""Lookup, creation and update of the email app, which is the mailbox's app registration."""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress

from jobs.clock import paced
from jobs.clouds.errors import AlreadyExists, Rejected
from jobs.clouds.json_values import dicts_in, lower_of, text_of
from jobs.engine.step import StepContext
from jobs.microsoft import app_manifest as manifest, graph

ADOPT = "adopt"
"""Name of the question that is answered with the client ID of a manually created app."""


SECRETS = ("Webex Connect ", "Webex email bot, ")
"""Prefixes of the names of client secrets that this bot creates: Webex Connect's, and its own."""
OWN_SECRET = "own_secret"  # noqa: S105  the name of a fact
"""Fact: the app has a client secret of the bot's own, even if the vault has lost its value."""
DEACTIVATED = "deactivated"
"""Fact: the app registration is deactivated. Microsoft mirrors it to the enterprise application."""


Json = graph.Json


async def find_app(ctx: StepContext) -> Json | None:
    """Return the mailbox's app, or None.

    An app that this run created may have the fallback name. A manually created one, or one that the
    directory does not know by name, is found by its client ID.
    """
    app = None
    if not ctx.by_hand:
        app = await ctx.graph.application_by_unique_name(app_key(ctx))
        if app is None and "application" in ctx.run.changed:
            app = await ctx.graph.application_by_unique_name(fallback_name(ctx))
    for client_id in known_ids(ctx):
        app = app or await ctx.graph.application_by_app_id(client_id)
    return app


def known_ids(ctx: StepContext) -> tuple[str, ...]:
    return tuple(filter(None, (ctx.run.answer(ADOPT), ctx.run.brief.client_id)))


async def gone_client_id(ctx: StepContext, app: Json | None) -> str:
    """Return the client ID given to Webex Connect if its app was replaced, else ''.

    Only a check and a fix ask. With a new secret Webex Connect gets the new client ID.
    """
    given = ctx.run.brief.client_id
    current = app is None or given.lower() in {"", lower_of(app, "appId")}
    if current or "client_secret" in ctx.run.changed:
        return ""
    return given if await ctx.graph.application_by_app_id(given) is None else ""


async def present_app(ctx: StepContext) -> Json:
    """Return the mailbox's app; NotFound if this replica of the directory does not know it yet."""
    by_id = await find_app(ctx) if known_ids(ctx) else None
    return by_id or await ctx.graph.application(app_key(ctx))


async def app_of_run(ctx: StepContext) -> Json | None:
    """Return the app that the runs worked on, even if another one has its name now, or None."""
    object_id = ctx.fact("object_id")
    return await ctx.graph.application_by_id(object_id) if object_id else await find_app(ctx)


def fallback_app(ctx: StepContext, apps: Iterable[Json]) -> Json | None:
    """Return the app with a fallback name, as a deleted app may hold the first one."""
    begins = f"{manifest.unique_name(ctx.channel.mailbox)}-"
    return next((app for app in apps if text_of(app, "uniqueName").startswith(begins)), None)


def manually_created(ctx: StepContext, apps: Iterable[Json]) -> Json | None:
    """Return the only app made in the portal for this Call Back URL (microsoft.md 1.1)."""
    unnamed = (app for app in apps if not app.get("uniqueName"))
    found = [app for app in unnamed if ctx.channel.callback_url in manifest.redirect_uris(app)]
    return found[0] if len(found) == 1 else None


def app_key(ctx: StepContext) -> str:
    return ctx.fact("unique_name") or manifest.unique_name(ctx.channel.mailbox)


def fallback_name(ctx: StepContext) -> str:
    """Return the name to use while a deleted app reserves the first (microsoft.md 1.1)."""
    return f"{manifest.unique_name(ctx.channel.mailbox)}-{ctx.run.id.lower()}"


def wanted_uris(ctx: StepContext) -> tuple[str, ...]:
    """Return the app's redirect URIs; a consent button and the rehearsal need the bot's own."""
    fix = ctx.run.brief.fix
    own = not ctx.by_hand or (fix is not None and fix.consent_missing)
    return tuple(filter(None, (ctx.channel.callback_url, ctx.settings.callback if own else "")))


def smtp_send_permission(ctx: StepContext) -> tuple[str, str]:
    """Return ``SMTP.Send`` as (resource, id), whose mismatch breaks every consent (AADSTS65006)."""
    if ctx.fact("exchange_smtp_send"):
        return graph.EXCHANGE_APP_ID, ctx.fact("exchange_smtp_send")
    return graph.GRAPH_APP_ID, ctx.fact("graph_smtp_send")


async def unexposed(ctx: StepContext, app: Json | None) -> tuple[tuple[str, str], ...]:
    """Return the app's permissions (resource, id) that Exchange or Graph does not know."""
    named = {resource for resource, _ in _foreign_permissions(ctx, app)}
    principals: dict[str, Json] = {}
    for resource in sorted(named & {graph.EXCHANGE_APP_ID, graph.GRAPH_APP_ID}):
        if found := await ctx.graph.service_principal(resource):
            principals[resource] = found
    return manifest.unknown_to(app, principals)


def _foreign_permissions(ctx: StepContext, app: Json | None) -> list[tuple[str, str]]:
    facts = ("exchange_smtp_send", "graph_smtp_send", "mail_send")
    ours = {ctx.fact(name).lower() for name in facts}
    declared = ((resource, permission) for resource, permission, _ in manifest.declared(app))
    return [each for each in declared if each[1] not in ours]


def foreign_content(ctx: StepContext, app: Json, uris: Collection[str]) -> str:
    """Return what others added to the bot's app besides the URIs ``uris``, or an empty string."""
    unnamed = {
        "key:seen.app_permission": _foreign_permissions(ctx, app),
        "key:seen.app_certificate": app.get("keyCredentials"),
    }
    strange = [
        *(uri for uri in manifest.redirect_uris(app) if uri not in uris),
        *(text_of(each, "displayName") or "key:seen.app_secret" for each in foreign_secrets(app)),
        *filter(unnamed.get, unnamed),
    ]
    return next(iter(strange), "")


def secrets_of(app: Json | None) -> list[Json]:
    return list((app or {}).get("passwordCredentials") or ())


def has_own_secret(app: Json) -> bool:
    return any(text_of(secret, "displayName").startswith(SECRETS[1]) for secret in secrets_of(app))


def foreign_secrets(app: Json | None) -> list[Json]:
    named = ((text_of(secret, "displayName"), secret) for secret in secrets_of(app))
    return [secret for name, secret in named if not name.startswith(SECRETS)]


OURS = "AzureADMyOrg"
"""Audience of the registered app: only accounts of the channel's tenant can sign in."""


TAKEN_S = (0.0, 1, 2, 4)


async def create(ctx: StepContext) -> None:
    """Create the app with one upsert by ``uniqueName``, which is safe to repeat.

    If the name is taken, update an app that has just appeared, or avoid a deleted one's name
    (microsoft.md 1.1).
    """
    with suppress(AlreadyExists):
        await ctx.graph.upsert_application(app_key(ctx), _new(ctx))
        return
    for pause in TAKEN_S:
        await asyncio.sleep(paced(pause))
        if app := await ctx.graph.application_by_unique_name(app_key(ctx)):
            await update(ctx, app)
            return
    await ctx.graph.upsert_application(fallback_name(ctx), _new(ctx))


async def update(ctx: StepContext, app: Json) -> None:
    """Update the app by its object ID, which cannot create a second app.

    A manually created app gets the unique name by which every later run finds it. If Entra does not
    store that name, the app is still found by its client ID (:func:`known_ids`).
    """
    object_id, body = graph.promised(app, "id"), _body(ctx, app, await unexposed(ctx, app))
    if app.get("appId") in known_ids(ctx) and not app.get("uniqueName"):
        named = {**body, "uniqueName": app_key(ctx)}
        with suppress(AlreadyExists, Rejected):
            await ctx.graph.update(graph.APPLICATIONS, object_id, named)
            return
    await ctx.graph.update(graph.APPLICATIONS, object_id, body)


def _new(ctx: StepContext) -> Json:
    name = f"Webex Connect email ({ctx.channel.mailbox})"
    lock = {"isEnabled": True, "allProperties": True}
    return {**_body(ctx, {}), "displayName": name, "servicePrincipalLockConfiguration": lock}


def _body(ctx: StepContext, app: Json, unknown: Iterable[tuple[str, str]] = ()) -> Json:
    """Return the required content merged into the present one: a PATCH replaces whole lists."""
    for each in unknown:
        app = {**app, "requiredResourceAccess": manifest.without_permission(app, *each)}
    return {
        "signInAudience": OURS,
        "web": {
            **manifest.web(app),
            "redirectUris": manifest.merged(manifest.redirect_uris(app), wanted_uris(ctx)),
        },
        "requiredResourceAccess": manifest.with_permission(
            app, *smtp_send_permission(ctx), "Scope"
        ),
        **manifest.moved_away(app, wanted_uris(ctx)),
    }


async def grants_of_app(ctx: StepContext) -> list[Json]:
    """Return the app's delegated permissions, from those of the tenant if many are checked."""
    own = ctx.fact("sp_id")
    if ctx.many:
        with suppress(Rejected):
            if (found := await ctx.graph.all_grants()) is not None:
                return [grant for grant in found if lower_of(grant, "clientId") == own.lower()]
    return await ctx.graph.grants(own)


async def role_assignments(ctx: StepContext) -> list[Json]:
    """Return the application permissions of the app.

    When many channels are checked, they come with the service principal. Graph leaves some out if
    there are too many, and then they are read in a separate request.
    """
    if ctx.many:
        principal = await ctx.graph.service_principal(ctx.fact("client_id"), with_roles=True)
        expanded = (principal or {}).get(graph.ROLE_ASSIGNMENTS)
        if isinstance(expanded, list) and len(expanded) < graph.MOST_EXPANDED:
            return dicts_in(expanded)
    return await ctx.graph.app_role_assignments(ctx.fact("sp_id"))
