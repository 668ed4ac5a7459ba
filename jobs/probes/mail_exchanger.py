"""Where the world delivers mail for the mailbox's domain."""

from __future__ import annotations

import dns.asyncresolver
import dns.exception
import dns.resolver

from jobs.model import Access, Finding, Station, Words
from jobs.probe import Probe
from jobs.step import Context

TIMEOUT_S = 2.0
KNOWN = "microsoft.com"
MICROSOFT = (".mail.protection.outlook.com", ".mx.microsoft", ".mail.protection.office365.us", ".mail.protection.partner.outlook.cn")


class MailExchanger(Probe):
    """The domain's MX leads to Exchange Online, or to a gateway in front of it, which only may be what stops mail."""

    name = "mail_exchanger"
    row = "DNS"
    access = Access.NONE
    station = Station.SENDER

    async def inspect(self, ctx: Context) -> Finding:
        """Ask the resolver of this machine; where there is none, nothing is known."""
        found: Finding = await ctx.once.read(f"mx {ctx.channel.domain}", lambda: self._seen(ctx.channel.domain))
        return found

    async def _seen(self, domain: str) -> Finding:
        try:
            answer = await dns.asyncresolver.resolve(domain, "MX", lifetime=TIMEOUT_S)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return await self._none(domain)
        except (dns.exception.DNSException, OSError):
            return self.skipped(Words("skipped.no_dns"))
        hosts = sorted(str(record.exchange).rstrip(".").lower() for record in answer)
        seen = Words("seen.mx", {"hosts": ", ".join(hosts)})
        return self.ok(seen) if any(host.endswith(MICROSOFT) for host in hosts) else self.possible(seen, "mail_exchanger_elsewhere")

    async def _none(self, domain: str) -> Finding:
        """A resolver that does not know Microsoft either (a closed network's) says nothing about this domain."""
        try:
            await dns.asyncresolver.resolve(KNOWN, "MX", lifetime=TIMEOUT_S)
        except (dns.exception.DNSException, OSError):
            return self.skipped(Words("skipped.no_dns"))
        return self.possible(Words("seen.no_mx", {"domain": domain}), "mail_exchanger_missing")
