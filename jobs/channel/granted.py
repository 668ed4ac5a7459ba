"""Permissions that the tenant has granted to the email app.

When many channels are checked, one request replaces one request for each channel.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from jobs.clouds.errors import Rejected
from jobs.clouds.json_values import dicts_in, lower_of
from jobs.engine.context import StepContext
from jobs.microsoft.graph import MOST_EXPANDED, ROLE_ASSIGNMENTS

Json = dict[str, Any]


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

    When many channels are checked, the permissions come with the service principal, which is read
    anyway. Graph leaves some out if there are too many, and then they are read in a separate
    request.
    """
    if ctx.many:
        principal = await ctx.graph.service_principal(ctx.fact("client_id"), with_roles=True)
        expanded = (principal or {}).get(ROLE_ASSIGNMENTS)
        if isinstance(expanded, list) and len(expanded) < MOST_EXPANDED:
            return dicts_in(expanded)
    return await ctx.graph.app_role_assignments(ctx.fact("sp_id"))
