"""Writing the email app's registration: made once, merged into ever after (facts/microsoft.md 1.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from jobs.microsoft.errors import AlreadyThere, Rejected
from jobs.microsoft.graph_calls import promised
from jobs.microsoft.registration import display_name, merged, moved_away, redirect_uris, web, with_permission, without_permission
from jobs.registered_app import Json, app_key, known_ids, second_name, smtp_send, unexposed, wanted_uris
from jobs.step import Context

OURS = "AzureADMyOrg"
"""The audience: accounts of this tenant."""
TAKEN_S = (0.0, 1, 2, 4)
"""Pauses between looks for whoever has the app's name, in seconds: one that was made at the same moment shows within them."""


async def create(ctx: Context) -> None:
    """One upsert by ``uniqueName``: safe to repeat.

    Raises:
        CloudError: Graph refused.
    """
    try:
        await ctx.graph.upsert_application(app_key(ctx), _new(ctx))
    except AlreadyThere:
        await _taken(ctx)


async def _taken(ctx: Context) -> None:
    """Somebody has the name, whom a moment ago nobody saw: who shows now is merged into, else a deleted app keeps it (facts 1.1)."""
    for pause in TAKEN_S:
        await asyncio.sleep(pause)
        if app := await ctx.graph.application_by_unique_name(app_key(ctx)):
            await update(ctx, app)
            return
    await ctx.graph.upsert_application(second_name(ctx), _new(ctx))


async def update(ctx: Context, app: Json) -> None:
    """By its object id, which makes no second app; what is in it stays, but for permissions that this tenant does not know.

    One made by hand gets the name by which every later run finds it. Where Entra refuses the name, or does not keep it, the
    client id finds the app all the same (:func:`jobs.registered_app.known_ids`).

    Raises:
        CloudError: Graph refused.
    """
    object_id, body = promised(app, "id"), _body(ctx, app, await unexposed(ctx, app))
    if app.get("appId") in known_ids(ctx) and not app.get("uniqueName"):
        try:
            await ctx.graph.update_application(object_id, {**body, "uniqueName": app_key(ctx)})
        except (AlreadyThere, Rejected):
            pass
        else:
            return
    await ctx.graph.update_application(object_id, body)


def _new(ctx: Context) -> Json:
    lock = {"isEnabled": True, "allProperties": True}
    return {**_body(ctx, {}), "displayName": display_name(ctx.channel.mailbox), "servicePrincipalLockConfiguration": lock}


def _body(ctx: Context, app: Json, unknown: Iterable[tuple[str, str]] = ()) -> Json:
    """What the app must have, merged into what it has: a PATCH replaces each list whole. Its addresses stand under Web alone."""
    for each in unknown:
        app = {**app, "requiredResourceAccess": without_permission(app, *each)}
    return {
        "signInAudience": OURS,
        "web": {**web(app), "redirectUris": merged(redirect_uris(app), wanted_uris(ctx))},
        "requiredResourceAccess": with_permission(app, *smtp_send(ctx), "Scope"),
        **moved_away(app, wanted_uris(ctx)),
    }
