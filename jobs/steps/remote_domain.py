"""Remote domain that covers Webex Connect.

If it forbids automatic forwarding, it overrides every policy.
"""

from __future__ import annotations

from fnmatch import fnmatch

from jobs.causes.cause import Cause
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Finding, Station, Text


class RemoteDomain(Probe):
    """Probe for ``AutoForwardEnabled`` of the most specific entry, which may be ``*``.

    Source: platforms/microsoft.md 2.3, "the block wins".
    """

    name = "remote_domain"
    article_row = "M4"
    reads = ("View-Only Configuration",)
    diagnosis = Diagnosis(
        explains=frozenset({Cause.FORWARDING_BLOCKED, Cause.MAIL_NOT_DELIVERED}),
        station=Station.FORWARD,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        found = covering(
            await ctx.exchange.run("Get-RemoteDomain", {}),
            ctx.channel.forwarding_address.rpartition("@")[2],
        )
        if found is None or str(found.get("AutoForwardEnabled", True)).lower() != "false":
            return self.ok(Text("seen.remote_domain_allows"))
        return self.wrong(
            Text("seen.remote_domain", {"name": str(found.get("DomainName"))}),
            cause=Cause.REMOTE_DOMAIN_BLOCKS_FORWARDING,
        )


def covering(rows: list[ExchangeRow], domain: str) -> ExchangeRow | None:
    matching = [row for row in rows if _matches(lower_of(row, "DomainName"), domain.lower())]
    return max(matching, key=lambda row: len(str(row.get("DomainName"))), default=None)


def _matches(pattern: str, domain: str) -> bool:
    return bool(pattern) and (
        fnmatch(domain, pattern) or (pattern.startswith("*.") and domain == pattern[2:])
    )
