"""Public DNS records of the mailbox's domain: where its mail goes, and its autodiscover record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.resolver

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.model import Finding, Signals, State, Text
from jobs.probes.probe import Probe

TIMEOUT_S = 2.0
KNOWN = "microsoft.com"
MICROSOFT = (
    ".mail.protection.outlook.com",
    ".mx.microsoft",
    ".mail.protection.office365.us",
    ".mail.protection.partner.outlook.cn",
)
CACHED = timedelta(hours=1)
"""Time for which other servers may still use a cached record that no longer exists."""
THROUGH = timedelta(days=2)
"""Time for which mail that came through a gateway shows that the gateway lets mail through."""


class MailExchanger(Probe):
    """Probe that checks whether the domain's MX points to Exchange Online.

    A gateway in front of Exchange Online is only a possible cause, and mail that arrives shows that
    it is none. Mail flows without autodiscover.
    """

    name = "mail_exchanger"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Query this machine's resolver. If it has none, the result is unknown."""
        domain = ctx.channel.domain
        return await ctx.reads.read(f"mx {domain}", lambda: self._seen(domain))

    async def _seen(self, domain: str) -> Finding:
        hosts, discoverable = await asyncio.gather(exchangers(domain), _discoverable(domain))
        if hosts is None:
            return self.skipped(Text("skipped.no_dns"))
        if hosts:
            return self._judged(domain, hosts, discoverable=discoverable)
        if not await exchangers(KNOWN):  # a resolver that lacks Microsoft's, too, says nothing
            return self.skipped(Text("skipped.no_dns"))
        seen = Text("seen.no_mx", {"domain": domain})
        return self._maybe(seen, Cause.MAIL_EXCHANGER_MISSING, CACHED)

    def _judged(self, domain: str, found: list[str], *, discoverable: bool | None) -> Finding:
        hosts = {"hosts": ", ".join(found)}
        if not any(host.endswith(MICROSOFT) for host in found):
            return self._maybe(Text("seen.mx", hosts), Cause.MAIL_EXCHANGER_ELSEWHERE, THROUGH)
        if discoverable is False:
            seen = Text("seen.no_autodiscover", hosts | {"domain": domain})
            warned = self.wrong(seen, cause=Cause.AUTODISCOVER_MISSING)
            return replace(warned, state=State.WARNING)
        return self.ok(Text("seen.mx", hosts))

    def _maybe(self, seen: Text, cause: str, back: timedelta) -> Finding:
        return self.possible(seen, cause=cause, signals=Signals(harmless_after=now() - back))


async def exchangers(domain: str) -> list[str] | None:
    """Return the hosts of the domain's MX, or None without an answer of a resolver."""
    found = await _records(domain, "MX")
    if found is None:
        return None
    return sorted(str(record.exchange).rstrip(".").lower() for record in found)


async def _discoverable(domain: str) -> bool | None:
    host, service = f"autodiscover.{domain}", f"_autodiscover._tcp.{domain}"
    for name, kind in ((host, "A"), (host, "AAAA"), (service, "SRV")):
        found = await _records(name, kind)
        if found is None or found:
            return None if found is None else True
    return False


async def _records(name: str, kind: str) -> list[Any] | None:
    try:
        return list(await dns.asyncresolver.resolve(name, kind, lifetime=TIMEOUT_S))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None
