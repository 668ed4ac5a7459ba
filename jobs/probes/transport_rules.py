"""Mail-flow rules that may stop mail before the mailbox, or the copy on its way to Webex Connect."""

from __future__ import annotations

from jobs.clouds.cause_codes import causes
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.mail.bounce import LOST
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Channel, Finding, Signals, Station, Text
from jobs.probes._transport_rules import BLOCKS, inside, may_match, may_name, names, only_recipient, stops


class RuleDiagnosis(Diagnosis):
    """What a rule explains depends on where it takes mail away."""

    def causes_elsewhere(self, cause: str) -> frozenset[str]:
        """A rule may stop later mail as well; what stops earlier on the way is another one's doing."""
        codes = list(BLOCKS.values())
        return frozenset({*codes[codes.index(cause) if cause in codes else 0 :], LOST})


class TransportRules(Probe):
    """No enabled rule that rejects, deletes or redirects and could match (facts/microsoft.md 2.3).

    One that only may match is the cause where a trace names it; so is one that is for the answers.
    """

    name = "transport_rules"
    article_row = "M3"
    reads = ("View-Only Configuration",)
    diagnosis = RuleDiagnosis(
        station=Station.FORWARD,
        explains=causes(*BLOCKS.values(), LOST),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """A rule that names the forwarding domain, or the mailbox, and nothing else certainly matches; any other one only may."""
        stopping = [rule for rule in await ctx.exchange.run("Get-TransportRule", {}) if stops(rule)]
        for place, named in _naming(ctx.channel, stopping).items():
            if certain := list(filter(only_recipient, named)):
                return self.wrong(Text("seen.rules", {"names": _names(certain)}), cause=BLOCKS[place], signals=Signals(station=place))
        maybe = _possible(ctx.channel, stopping)
        if not maybe:
            return self.ok(Text("seen.no_rule"))
        return self.possible(Text("seen.rules", {"names": _names(maybe)}), "transport_rule_may_block", signals=Signals(proven=True))


def _naming(channel: Channel, stopping: list[ExchangeRow]) -> dict[Station, list[ExchangeRow]]:
    """Return the rules that name the mailbox or the forwarding address, by where they stop mail."""
    arriving = [rule for rule in stopping if names(rule, channel.mailbox)]
    copies = [rule for rule in stopping if not inside(rule) and names(rule, channel.forwarding_address)]
    return {Station.MAILBOX: arriving, Station.FORWARD: copies}


def _possible(channel: Channel, stopping: list[ExchangeRow]) -> list[ExchangeRow]:
    """Return the rules that may match the copy or the mail that arrives, those for the copy first."""
    copies = [rule for rule in stopping if not inside(rule) and may_match(rule, channel.forwarding_address)]
    return copies + [rule for rule in stopping if may_name(rule, channel.mailbox) and rule not in copies]


def _names(rules: list[ExchangeRow]) -> str:
    return ", ".join(str(rule.get("Name") or rule.get("Identity") or "") for rule in rules)
