"""Mail-flow rules that may stop mail before the mailbox, or the copy for Webex Connect."""

from __future__ import annotations

from functools import partial
from itertools import filterfalse

from jobs.causes.cause import Cause
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.mail.bounce import LOST
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Channel, Finding, Signals, Station, Text
from jobs.probes._transport_rules import (
    BLOCKS,
    inside,
    may_match,
    may_name,
    names,
    stopping_rules,
    unevaluated,
)


class RuleDiagnosis(Diagnosis):
    def causes_elsewhere(self, cause: str) -> frozenset[Cause]:
        """Return the causes in other steps that ``cause`` explains.

        A rule may also stop mail later on its path. An earlier stop has another cause.
        """
        codes = list(BLOCKS.values())
        first = next((place for place, code in enumerate(codes) if code == cause), 0)
        return frozenset({*codes[first:], LOST})


class TransportRules(Probe):
    """Probe for enabled rules that reject, delete or redirect mail and could match.

    Source: facts/microsoft.md 2.3. A rule that only may match is the cause if a trace names it. The
    same applies to a rule for answers.
    """

    name = "transport_rules"
    article_row = "M3"
    reads = ("View-Only Configuration",)
    diagnosis = RuleDiagnosis(
        station=Station.FORWARD,
        explains=frozenset({*BLOCKS.values(), LOST}),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Find the rules that stop mail.

        A rule that names only the forwarding domain or the mailbox certainly matches. Any other
        rule only may match.
        """
        stopping = await stopping_rules(ctx)
        for place, named in _naming(ctx.channel, stopping).items():
            if certain := list(filterfalse(unevaluated, named)):
                return self.wrong(
                    Text("seen.rules", {"names": _names(certain)}),
                    cause=BLOCKS[place],
                    signals=Signals(station=place),
                )
        maybe = _possible(ctx.channel, stopping)
        if not maybe:
            return self.ok(Text("seen.no_rule"))
        return self.possible(
            _may_match(maybe),
            cause=Cause.TRANSPORT_RULE_MAY_BLOCK,
            signals=Signals(proven=True),
        )


def _naming(channel: Channel, stopping: list[ExchangeRow]) -> dict[Station, list[ExchangeRow]]:
    """Return the rules that name an address, by the station where they stop mail."""
    arriving = filter(partial(names, address=channel.mailbox), stopping)
    outside = filterfalse(inside, stopping) if channel.forwarding_address else ()
    copies = filter(partial(names, address=channel.forwarding_address), outside)
    return {Station.MAILBOX: list(arriving), Station.FORWARD: list(copies)}


def _possible(channel: Channel, stopping: list[ExchangeRow]) -> list[ExchangeRow]:
    """Return the rules that may match, those for the copy first."""
    outside = filterfalse(inside, stopping) if channel.forwarding_address else ()
    copies = list(filter(partial(may_match, address=channel.forwarding_address), outside))
    arriving = filter(partial(may_name, address=channel.mailbox), stopping)
    return copies + [rule for rule in arriving if rule not in copies]


def _may_match(rules: list[ExchangeRow]) -> Text:
    if not any(map(unevaluated, rules)):
        return Text("seen.rules", {"names": _names(rules)})
    named = (f"{_name(rule)}{_in_brackets(unevaluated(rule))}" for rule in rules)
    return Text("seen.rules_possible", {"names": ", ".join(named)})


def _in_brackets(conditions: tuple[str, ...]) -> str:
    return f" ({', '.join(conditions)})" if conditions else ""


def _names(rules: list[ExchangeRow]) -> str:
    return ", ".join(map(_name, rules))


def _name(rule: ExchangeRow) -> str:
    return text_of(rule, "Name", "Identity")
