"""Mail-flow rules that may stop the copy on its way to Webex Connect."""

from __future__ import annotations

from dataclasses import replace

from jobs.microsoft.exchange import Row
from jobs.model import Finding, Station, Words
from jobs.probe import Probe
from jobs.probes._rules import inside, may_match, may_name, names, only_recipient, stops
from jobs.step import Context

BLOCKS = "transport_rule_blocks"


class TransportRules(Probe):
    """No enabled rule that rejects, deletes or redirects and could match (facts/microsoft.md 2.3).

    One that only may match is the cause where a trace names it.
    """

    name = "transport_rules"
    row = "M3"
    station = Station.FORWARD
    explains = frozenset({BLOCKS, "mail_not_delivered"})
    reads = ("View-Only Configuration",)

    async def inspect(self, ctx: Context) -> Finding:
        """A rule that names the forwarding domain, or the mailbox, and nothing else certainly matches; any other one only may."""
        stopping = [rule for rule in await ctx.exchange.run("Get-TransportRule", {}) if stops(rule)]
        outside = [rule for rule in stopping if not inside(rule)]
        copies = [rule for rule in outside if names(rule, ctx.channel.forwarding_address)]
        if certain := list(filter(only_recipient, copies)):
            return self.wrong(Words("seen.rules", {"names": _names(certain)}), cause=BLOCKS)
        arriving = [rule for rule in stopping if names(rule, ctx.channel.mailbox)]
        if certain := list(filter(only_recipient, arriving)):
            return self.wrong(Words("seen.rules", {"names": _names(certain)}), cause=BLOCKS, station=str(Station.MAILBOX))
        maybe = [rule for rule in outside if may_match(rule, ctx.channel.forwarding_address)]
        maybe += [rule for rule in stopping if may_name(rule, ctx.channel.mailbox) and rule not in maybe]
        if not maybe:
            return self.ok(Words("seen.no_rule"))
        return replace(self.possible(Words("seen.rules", {"names": _names(maybe)}), "transport_rule_may_block"), facts={"proven": BLOCKS})


def _names(rules: list[Row]) -> str:
    return ", ".join(str(rule.get("Name") or rule.get("Identity") or "") for rule in rules)
