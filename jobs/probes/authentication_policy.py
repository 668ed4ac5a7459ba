"""The authentication policy of the mailbox user, or the organisation's default one."""

from __future__ import annotations

import asyncio

from jobs.microsoft.exchange import Row
from jobs.microsoft.outbound import named
from jobs.model import Finding, Words
from jobs.probe import Probe
from jobs.step import Context


class AuthenticationPolicy(Probe):
    """Which one applies. It is told and never blamed: ``AllowBasicAuthSmtp`` is about passwords, and this login uses none (facts/microsoft.md 2.1)."""

    name = "authentication_policy"
    row = "AP"
    needs = ("mailbox_user",)
    reads = ("View-Only Recipients", "View-Only Configuration")

    async def inspect(self, ctx: Context) -> Finding:
        """The user's own policy counts before the organisation's."""
        users, organization = await asyncio.gather(
            ctx.exchange.run("Get-User", {"Identity": ctx.channel.mailbox}), ctx.exchange.run("Get-OrganizationConfig", {})
        )
        name = _text(users, "AuthenticationPolicy") or _text(organization, "DefaultAuthenticationPolicy")
        if not name:
            return self.ok(Words("seen.no_authentication_policy"))
        policy = named(await ctx.exchange.run("Get-AuthenticationPolicy", {}), name)
        allows = policy is None or str(policy.get("AllowBasicAuthSmtp")).lower() != "false"
        return self.ok(Words("seen.authentication_policy" if allows else "seen.authentication_policy_basic", {"name": name}))


def _text(rows: list[Row], name: str) -> str:
    return str(rows[0].get(name) or "") if rows else ""
