"""Why a mail was not delivered, from the trace's own words: a code that is known, or the mail-flow rule that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.mail.bounce import cause_at
from jobs.mail.message_trace import TraceRow
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Channel, Station
from jobs.probes._transport_rules import BLOCKS, stops

_SHORTEST = 4
"""A shorter name or reason stands in many a sentence by chance."""
_ITS_OWN = "5.7.9"
"""How the codes 5.7.900 to 5.7.999 begin, which only a rule gives; 5.7.1 is anybody's."""
_BY_A_RULE = re.compile(
    r"TRANSPORT\.RULES\.|\b(?:deleted|redirected|quarantined|rejected) by (?:the |a )?(?:transport|mail.?flow) rule", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Why:
    """The words, and the cause that they name; empty if they name none."""

    words: tuple[str, ...]
    cause: str = ""


async def why(ctx: StepContext, row: TraceRow) -> Why:
    """What the details of a trace row say. That these cannot be read makes no known failure unknown."""
    try:
        words = await ctx.trace().details(row)
    except CloudError:
        return Why(())
    place = _place(ctx.channel, row)
    return Why(words, cause_at(place, words) or (BLOCKS[place] if words and await _by_a_rule(ctx, " ".join(words)) else ""))


def _place(channel: Channel, row: TraceRow) -> Station:
    """Where on the way the mail of this row is, by whom it is for."""
    places = {channel.mailbox.lower(): Station.MAILBOX, channel.forwarding_address.lower(): Station.FORWARD}
    return places.get(row.recipient.lower(), Station.ANSWER)


async def _by_a_rule(ctx: StepContext, words: str) -> bool:
    """Whether the words say that a rule did it, or name one that takes mail away."""
    return bool(_BY_A_RULE.search(words)) or names_one(words, await _stopping(ctx))


async def _stopping(ctx: StepContext) -> list[ExchangeRow]:
    try:
        return [rule for rule in await ctx.exchange.run("Get-TransportRule", {}) if stops(rule)]
    except CloudError:
        return []


def names_one(words: str, rules: Sequence[ExchangeRow]) -> bool:
    """Whether the words hold the name, an id, the reason, or a code of its own of one of the rules."""
    fields = ("Name", "Identity", "Guid", "ImmutableId", "RejectMessageReasonText")
    marks = [str(rule.get(field) or "") for rule in rules for field in fields]
    codes = (str(rule.get("RejectMessageEnhancedStatusCode") or "") for rule in rules)
    marks += [code for code in codes if code.startswith(_ITS_OWN)]
    return any(len(mark) >= _SHORTEST and re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", words, re.IGNORECASE) for mark in marks)
