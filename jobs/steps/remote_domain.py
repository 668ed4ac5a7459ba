"""Remote domain that covers Webex Connect.

If it forbids automatic forwarding, it overrides every policy.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatch

from jobs.causes.cause import Cause
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Finding, Reason, RunKind, State, Text


class RemoteDomain(Step, row="remote_domain"):
    """Step M3: the most specific entry, which may be ``*``, lets copies out as they are.

    "The block wins" (platforms/microsoft.md 2.3), so a plan shows it before anybody approves
    anything. With TNEF, Webex Connect gets attachments as winmail.dat, and mail flows.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        checks = ctx.run.kind is RunKind.CHECK
        try:
            rows = await ctx.exchange.run("Get-RemoteDomain", {})
        except (Forbidden, NotFound, Rejected):
            if checks:
                raise
            return self.skipped(Reason.NOT_BY_ITSELF)
        found = covering(rows, ctx.channel.forwarding_address.rpartition("@")[2])
        if found is None:
            return self.ok(Text("seen.remote_domain_allows"))
        name = {"name": str(found.get("DomainName"))}
        if str(found.get("AutoForwardEnabled", True)).lower() == "false":
            cause = Cause.REMOTE_DOMAIN_BLOCKS_FORWARDING
            wrong = self.wrong(Text("seen.remote_domain", name), cause=cause)
            return wrong if checks else replace(wrong, state=State.POSSIBLE)
        if str(found.get("TNEFEnabled")).lower() == "true":
            tnef = self.wrong(Text("seen.remote_domain_tnef", name), cause=Cause.TNEF_ON)
            return replace(tnef, state=State.WARNING)
        return self.ok(Text("seen.remote_domain_allows"))


def covering(rows: list[ExchangeRow], domain: str) -> ExchangeRow | None:
    matching = [row for row in rows if domain_matches(lower_of(row, "DomainName"), domain.lower())]
    return max(matching, key=lambda row: len(str(row.get("DomainName"))), default=None)


def domain_matches(pattern: str, domain: str) -> bool:
    return bool(pattern) and (
        fnmatch(domain, pattern) or (pattern.startswith("*.") and domain == pattern[2:])
    )
