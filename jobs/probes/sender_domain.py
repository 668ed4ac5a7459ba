"""SPF, DKIM and DMARC of the mailbox's domain: without them, answers may arrive as spam."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Access, Finding, Signals, Station, Text
from jobs.probes.mail_exchanger import KNOWN, exchangers, records

OF_MICROSOFT = (
    *("spf.protection.outlook.com", "spf.protection.office365.us"),
    "spf.protection.partner.outlook.cn",
)
"""SPF records of Exchange Online's servers.

Source: learn.microsoft.com/defender-office-365/email-authentication-spf-configure.
"""
MOST_LOOKUPS = 10
"""Number of records that a receiving server follows (RFC 7208, 4.6.4)."""
_FOLLOWED = re.compile(r"\b(?:include:|redirect=)(\S+)", re.IGNORECASE)
_BY_ADDRESS = re.compile(r"\bip[46]:|\bexists:|%\{", re.IGNORECASE)


class SenderDomain(Probe):
    """Probe that checks whether receiving servers can authenticate the answers.

    Mail flows without that, so the finding is a cause only if a server refuses an answer for it.
    A policy of ``p=none`` is enough. An SPF record that lists addresses may contain Microsoft's.
    """

    name = "sender_domain"
    article_row = "DNS"
    reads = ("View-Only Configuration",)
    diagnosis = Diagnosis(
        access=Access.NONE,
        station=Station.ANSWER,
        explains=frozenset({Cause.DOMAIN_NOT_AUTHENTICATED}),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        domain = ctx.channel.domain
        (spf, dmarc), dkim = await asyncio.gather(
            ctx.reads.read(f"sender {domain}", lambda: _published(domain)), _signed(ctx)
        )
        parts = {"spf": spf, "dkim": dkim, "dmarc": dmarc}
        words = {True: "OK", False: "key:seen.none", None: "key:seen.not_known"}
        seen = Text("seen.sender_domain", {name: words[each] for name, each in parts.items()})
        if False in parts.values():
            cause, proven = Cause.SENDER_DOMAIN_INCOMPLETE, Signals(proven=True)
            return self.possible(seen, cause=cause, signals=proven)
        return self.skipped(Text("skipped.no_dns")) if None in {spf, dmarc} else self.ok(seen)


async def _signed(ctx: StepContext) -> bool | None:
    """Return whether Exchange signs as the domain itself; None without access to Exchange."""
    if ctx.access is Access.NONE:
        return None
    try:
        rows = await ctx.exchange.run("Get-DkimSigningConfig", {})
    except CloudError:
        return None
    own = (row for row in rows if lower_of(row, "Domain") == ctx.channel.domain)
    return any(row.get("Enabled") is True and lower_of(row, "Status") == "valid" for row in own)


async def _published(domain: str) -> tuple[bool | None, bool | None]:
    """Return whether SPF allows Microsoft's servers, and whether there is a DMARC policy.

    A parent's DMARC policy counts, too (RFC 7489, 6.6.3). A resolver that does not even find
    Microsoft's own records says nothing.
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
        if {*followed} & {*OF_MICROSOFT} or any(map(_BY_ADDRESS.search, texts)):
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
