"""Probes for the authentication policy that applies to the user, and for security defaults.

The documents do not settle whether either of them stops SMTP AUTH.
"""

from __future__ import annotations

import asyncio

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.microsoft.outbound_spam import named
from jobs.model import Finding, Signals, Text
from jobs.probes.smtp_server import FRESH


class AuthenticationPolicy(Probe):
    """Probe for the authentication policy that applies to the mailbox user.

    ``AllowBasicAuthSmtp`` off concerns passwords. Whether it also stops SMTP AUTH entirely is open,
    because the documents say both (microsoft.md 2.1). The policy is therefore only a possible
    cause, and a login decides. Its start date is unknown, so only an answer within the last hour
    shows that it is harmless.
    """

    name = "authentication_policy"
    article_row = "AP"
    needs = ("mailbox_user", "delegate")
    reads = ("View-Only Recipients", "View-Only Configuration")
    diagnosis = Diagnosis(
        explains=frozenset({Cause.SMTP_LOGIN_BLOCKED}),
        disproved_by=("smtp_login", "answers"),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the user's policy, which precedes the organization's.

        When many channels are checked, no user is read in an organization that has no policy.
        """
        if ctx.many and not await ctx.exchange.run("Get-AuthenticationPolicy", {}):
            return self.ok(Text("seen.no_authentication_policy"))
        who = ctx.fact("delegate") or ctx.channel.mailbox
        (user, *_), (organization, *_) = await asyncio.gather(
            ctx.exchange.run("Get-User", {"Identity": who}),
            ctx.exchange.run("Get-OrganizationConfig", {}),
        )
        name = text_of(user, "AuthenticationPolicy") or text_of(
            organization, "DefaultAuthenticationPolicy"
        )
        if not name:
            return self.ok(Text("seen.no_authentication_policy"))
        policy = named(await ctx.exchange.run("Get-AuthenticationPolicy", {}), name)
        forbids = policy is not None and str(policy.get("AllowBasicAuthSmtp")).lower() == "false"
        if not forbids:
            return self.ok(Text("seen.authentication_policy", {"name": name}))
        proof = Signals(harmless_after=now() - FRESH, token_lives=True)
        return self.possible(
            Text("seen.authentication_policy_basic", {"name": name}),
            cause=Cause.SMTP_LOGIN_BLOCKED,
            signals=proof,
        )


class SecurityDefaults(Probe):
    """Probe for security defaults, which may make SMTP AUTH fail if they are on.

    The reports contradict each other (platforms/microsoft.md 2.1), so only a login decides.
    """

    name = "security_defaults"
    article_row = "SD"
    reads = ("Policy.Read.All",)
    diagnosis = Diagnosis(
        explains=frozenset({Cause.BLOCKED_BY_SECURITY_DEFAULTS}),
        disproved_by=("smtp_login",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        if await ctx.graph.security_defaults():
            return self.possible(Text("seen.on"), cause=Cause.BLOCKED_BY_SECURITY_DEFAULTS)
        return self.ok(Text("seen.off"))
