"""Facts outside the tenant: public DNS records, Entra's sign-in page, and reports on services.

The records of the mailbox's domain say where its mail goes, with autodiscover, SPF and DMARC.

An incident alone is only a possible cause, because some incident is nearly always open while mail
flows. The verdict makes it the cause if it explains something that is wrong
(:func:`jobs.checks.verdict.Case.promoted`).
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import dns.asyncresolver
import dns.exception
import dns.resolver

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import CloudError, if_answered, unless_refused
from jobs.clouds.http import sync_client
from jobs.clouds.json_values import lower_of
from jobs.contact_center.services import Incident, microsoft_incidents, webex_incidents
from jobs.engine.step import Probe, Step, StepContext
from jobs.microsoft.identity import Identity
from jobs.model import Access, Evidence, Finding, Signals, State, Text, verbatim

TIMEOUT_S = 2.0
KNOWN = "microsoft.com"
CACHED = timedelta(hours=1)
"""Time for which other servers may still use a cached record that no longer exists."""
THROUGH = timedelta(days=2)
"""Time for which mail that came through a gateway shows that the gateway lets mail through."""


class MailExchanger(Probe, row="mail_exchanger"):
    """Probe that checks whether the domain's MX points to Exchange Online.

    A gateway is only a possible cause, and none if mail arrives. Mail flows without autodiscover.
    """

    hosts: tuple[str, ...]
    """Endings of the names of Exchange Online's servers."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Query this machine's resolver. If it has none, the result is unknown."""
        domain = ctx.channel.domain
        return await ctx.memo.read(f"mx {domain}", lambda: self._seen(domain))

    async def _seen(self, domain: str) -> Finding:
        name, service = f"autodiscover.{domain}", f"_autodiscover._tcp.{domain}"
        kinds = ((name, "A"), (name, "AAAA"), (service, "SRV"))
        discovery = asyncio.gather(*(records(*each) for each in kinds))
        found, discovered = await asyncio.gather(exchangers(domain), discovery)
        # a resolver that lacks Microsoft's records, too, says nothing
        if found is None or not (found or await exchangers(KNOWN)):
            return self.skipped(Text("skipped.no_dns"))
        if not found:
            seen = Text("seen.no_mx", {"domain": domain})
            return self._maybe(seen, Cause.MAIL_EXCHANGER_MISSING, CACHED)
        hosts = {"hosts": ", ".join(found)}
        if not any(host.endswith(self.hosts) for host in found):
            return self._maybe(Text("seen.mx", hosts), Cause.MAIL_EXCHANGER_ELSEWHERE, THROUGH)
        if not any(discovered) and None not in discovered:
            seen = Text("seen.no_autodiscover", hosts | {"domain": domain})
            return replace(self.wrong(seen, cause=Cause.AUTODISCOVER_MISSING), state=State.WARNING)
        return self.ok(Text("seen.mx", hosts))

    def _maybe(self, seen: Text, cause: str, back: timedelta) -> Finding:
        return self.possible(seen, cause=cause, signals=Signals(harmless_after=now() - back))


async def exchangers(domain: str) -> list[str] | None:
    """Return the hosts of the domain's MX, or None without an answer of a resolver."""
    found = await records(domain, "MX")
    # an empty name is no host: the domain takes no mail (RFC 7505)
    hosts = (str(record.exchange).rstrip(".").lower() for record in found or ())
    return found and sorted(filter(None, hosts))


async def records(name: str, kind: str) -> list[Any] | None:
    """Return the records of a name; None without an answer of this machine's resolver."""
    try:
        return list(await dns.asyncresolver.resolve(name, kind, lifetime=TIMEOUT_S))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None


MOST_LOOKUPS = 10
"""Number of records that a receiving server follows (RFC 7208, 4.6.4)."""
_FOLLOWED = re.compile(r"\b(?:include:|redirect=)(\S+)", re.IGNORECASE)
_BY_ADDRESS = re.compile(r"\bip[46]:|\bexists:|%\{", re.IGNORECASE)


class SenderDomain(Probe, row="sender_domain"):
    """Probe that checks whether receiving servers can authenticate the answers.

    Mail flows without that, so the finding is a cause only if a server refuses an answer for it.
    A policy of ``p=none`` is enough. An SPF record that lists addresses may contain Microsoft's.
    """

    spf: frozenset[str]
    """SPF records of Exchange Online's servers."""

    async def inspect(self, ctx: StepContext) -> Finding:
        domain = ctx.channel.domain
        published = ctx.memo.read(f"sender {domain}", lambda: _published(domain))
        (spf, dmarc), dkim = await asyncio.gather(published, _signed(ctx))
        parts = {"spf": spf, "dkim": dkim, "dmarc": dmarc}
        words = {True: "OK", False: "key:seen.none", None: "key:seen.not_known"}
        seen = Text("seen.sender_domain", {name: words[each] for name, each in parts.items()})
        if False in parts.values():
            cause = Cause.SENDER_DOMAIN_INCOMPLETE
            return self.possible(seen, cause=cause, signals=Signals(proven=True))
        return self.skipped(Text("skipped.no_dns")) if None in {spf, dmarc} else self.ok(seen)


async def _signed(ctx: StepContext) -> bool | None:
    """Return whether Exchange signs as the domain itself; None without access to Exchange."""
    if ctx.access is Access.NONE:
        return None
    rows = await if_answered(ctx.exchange.run("Get-DkimSigningConfig", {}))
    if rows is None:
        return None
    own = (row for row in rows if lower_of(row, "Domain") == ctx.channel.domain)
    return any(row.get("Enabled") is True and lower_of(row, "Status") == "valid" for row in own)


async def _published(domain: str) -> tuple[bool | None, bool | None]:
    """Return whether SPF allows Microsoft's servers, and whether there is a DMARC policy.

    A parent's counts, too (RFC 7489, 6.6.3). A resolver without Microsoft's records says nothing.
    """
    labels = domain.split(".")
    above = (".".join(labels[at:]) for at in range(max(len(labels) - 1, 1)))
    found = await asyncio.gather(_allows_microsoft(domain), _has_policy(above))
    if False in found and not await exchangers(KNOWN):
        return None, None
    return found[0], found[1]


async def _has_policy(domains: Iterable[str]) -> bool | None:
    for domain in domains:
        texts = await _texts(f"_dmarc.{domain}", "v=DMARC1")
        if texts is None or texts:
            return None if texts is None else True
    return False


async def _allows_microsoft(domain: str) -> bool | None:
    todo = [domain]
    for _ in range(MOST_LOOKUPS):
        texts = await _texts(todo.pop(), "v=spf1")
        if texts is None:
            return None
        if len(texts) > 1:  # an error for the receiving server (RFC 7208, 4.5)
            return False
        followed = [name.lower().rstrip(".") for text in texts for name in _FOLLOWED.findall(text)]
        if SenderDomain.spf & {*followed} or any(map(_BY_ADDRESS.search, texts)):
            return True
        todo += followed
        if not todo:
            return False
    return False


async def _texts(name: str, version: str) -> list[str] | None:
    """Return the TXT records of this version, or None without an answer of a resolver."""
    found = await records(name, "TXT")
    if found is None:
        return None
    texts = (b"".join(record.strings).decode("utf-8", "replace") for record in found)
    return [text for text in texts if text.lower().startswith(version.lower())]


def health_finding(step: Step, found: tuple[Incident, ...], cause: str) -> Finding:
    """Return a finding with the newest incident's id, title and start, and the number of others."""
    if not found:
        return step.ok(Text("seen.no_incident"))
    newest, more = found[0], len(found) - 1
    evidence = tuple(Evidence(step.name, f"{each.id} {each.title}".strip()) for each in found)
    values = {"id": newest.id, "title": newest.title, "count": str(more)}
    seen = Text("seen.incidents" if more else "seen.incident", values)
    return step.possible(seen, cause=cause, signals=Signals(since=newest.since), evidence=evidence)


class _Health(Probe):
    """Probe for open incidents in Microsoft's service health.

    The permission is not part of the sign-in, which would fail in a tenant without a consent to it.
    Entra puts it into every token once an administrator consents (docs/operations.md).
    """

    services: frozenset[str]
    cause: Cause

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the health once for all services.

        Without permission, or in a cloud without this report, the finding says so.
        """
        rows = await unless_refused(ctx.graph.service_health())
        if rows is None:
            return self.skipped(Text("skipped.service_health"))
        return health_finding(self, microsoft_incidents(rows, self.services), self.cause)


class ExchangeHealth(_Health, row="exchange_health"):
    """Probe for open incidents of Exchange Online."""


class EntraHealth(_Health, row="entra_health"):
    """Probe for open incidents of the sign-in service."""


class Entra(Probe, row="entra"):
    """Probe that reads the tenant's discovery document, without which no token can be issued."""

    async def inspect(self, ctx: StepContext) -> Finding:
        key = f"entra {ctx.channel.tenant_id}"
        return await ctx.memo.read(key, lambda: asyncio.to_thread(self._seen, ctx))

    def _seen(self, ctx: StepContext) -> Finding:
        tenant = ctx.channel.tenant_id or "organizations"
        try:
            with sync_client(ctx.settings) as http:
                Identity.of_bot(ctx.settings, http, tenant).discover()
        except CloudError as error:
            if not error.is_of_service:  # Webex Connect, which connects elsewhere, may get one
                raise
            return self.wrong(verbatim(error.words), cause=error.cause, evidence=error.evidence())
        return self.ok(Text("seen.entra"))


class WebexStatus(Probe, row="webex_status"):
    """Probe for open incidents on status.webex.com/api."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the page in three seconds; unreadable, it says nothing about the channel."""
        if not urlsplit(ctx.settings.status_url).hostname:
            return self.skipped(Text("skipped.status_off"))
        return await ctx.memo.read("webex_status", lambda: self._seen(ctx))

    async def _seen(self, ctx: StepContext) -> Finding:
        found = await if_answered(webex_incidents(ctx.settings))
        if found is None:
            return self.skipped(Text("skipped.status_page"))
        return health_finding(self, found, Cause.WEBEX_INCIDENT)
