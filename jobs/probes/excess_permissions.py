"""Grants of the email app beyond what the channel needs (checklist.toml A6).

Extra grants do not break the mail flow, but they are a risk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from jobs.channel.email_app import grants_of_app, role_assignments
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.model import Finding, Profile, State, Text
from jobs.probes.probe import Probe

NEEDED = frozenset({"smtp.send", "offline_access", "openid", "profile", "email", "user.read"})
"""Permissions of the form, of a sign-in, and those that the portal gives every app."""
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
MOST_NAMES = 6


class Surplus(Probe):
    """Probe for delegated grants and application permissions beyond those of the profile."""

    name = "surplus"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the granted permissions: declared ones cannot be used."""
        grants, assignments = await asyncio.gather(grants_of_app(ctx), role_assignments(ctx))
        allowed = {DEFAULT_ACCESS} | (
            {ctx.fact("mail_send").lower()} if ctx.channel.profile is Profile.ARTICLE else set()
        )
        more = sorted({*_scopes(grants), *_roles(assignments, allowed)})
        if not more:
            return self.ok(Text("seen.no_surplus"))
        values = {"names": ", ".join(more[:MOST_NAMES]), "count": str(len(more))}
        return replace(self.wrong(Text("seen.surplus", values)), state=State.WARNING)


def _scopes(grants: Iterable[dict[str, Any]]) -> set[str]:
    scopes = " ".join(text_of(grant, "scope") for grant in grants).split()
    return {scope for scope in scopes if scope.lower() not in NEEDED}


def _roles(assignments: Iterable[dict[str, Any]], allowed: set[str]) -> set[str]:
    """Return further application permissions as API and id; no names are here."""
    return {
        f"{each.get('resourceDisplayName') or 'API'} {each.get('appRoleId')}"
        for each in assignments
        if lower_of(each, "appRoleId") not in allowed
    }
