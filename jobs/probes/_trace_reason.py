"""Why a mail was not delivered, from the trace's own words: a code that is known, or the mail-flow rule that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.mail.bounce import cause_at
from jobs.mail.message_trace import TraceRow
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Channel, Station
from jobs.probes._transport_rules import BLOCKS, stopping_rules

_SHORTEST = 4
"""A shorter name or reason stands in many a sentence by chance."""
_ITS_OWN = "5.7.9"
"""How the codes 5.7.900 to 5.7.999 begin, which only a rule gives; 5.7.1 is anybody's."""
_MARKS = ("Name", "Identity", "Guid", "ImmutableId", "RejectMessageReasonText")
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
    return Why(words, await _cause(ctx, _place(ctx.channel, row), words))


async def _cause(ctx: StepContext, place: Station, words: Sequence[str]) -> str:
    """Return the known cause that the words name, or that a rule took the mail away at this place."""
    known = cause_at(place, words)
    if known or not words:
        return known
    return BLOCKS[place] if await _by_a_rule(ctx, " ".join(words)) else ""


def _place(channel: Channel, row: TraceRow) -> Station:
    """Where on the way the mail of this row is, by whom it is for."""
    places = {channel.mailbox.lower(): Station.MAILBOX, channel.forwarding_address.lower(): Station.FORWARD}
    return places.get(row.recipient.lower(), Station.ANSWER)


async def _by_a_rule(ctx: StepContext, words: str) -> bool:
    """Whether the words say that a rule did it, or name one that takes mail away."""
    return bool(_BY_A_RULE.search(words)) or names_one(words, await _stopping(ctx))


async def _stopping(ctx: StepContext) -> list[ExchangeRow]:
    try:
        return await stopping_rules(ctx)
    except CloudError:
        return []


def names_one(words: str, rules: Sequence[ExchangeRow]) -> bool:
    """Whether the words hold the name, an id, the reason, or a code of its own of one of the rules."""
    return any(_names(words, mark) for rule in rules for mark in _marks_of(rule))


def _marks_of(rule: ExchangeRow) -> list[str]:
    """Return the texts by which a bounce may name the rule; its code only if no other rule of Exchange has it."""
    marks = [text_of(rule, field) for field in _MARKS]
    code = text_of(rule, "RejectMessageEnhancedStatusCode")
    return [*marks, code] if code.startswith(_ITS_OWN) else marks


def _names(words: str, mark: str) -> bool:
    return len(mark) >= _SHORTEST and re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", words, re.IGNORECASE) is not None
