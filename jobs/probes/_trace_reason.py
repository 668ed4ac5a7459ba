"""Reason why a mail was not delivered, according to the trace.

It is a known code, or the mail-flow rule that the text names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.causes.reader import BY_A_RULE
from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.mail.bounce import cause_at
from jobs.mail.message_trace import TraceRow
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Station
from jobs.probes._transport_rules import BLOCKS, stopping_rules

_SHORTEST = 4
"""Fewest characters of a name or reason to search for. Sentences contain shorter ones by chance."""
_ITS_OWN = "5.7.9"
"""Prefix of 5.7.900 to 5.7.999, which only a mail-flow rule returns, unlike 5.7.1."""
_MARKS = ("Name", "Identity", "Guid", "ImmutableId", "RejectMessageReasonText")


@dataclass(frozen=True, slots=True)
class Why:
    """Text of the trace, and the cause that it names (empty if none)."""

    words: tuple[str, ...]
    cause: str = ""


async def why(ctx: StepContext, row: TraceRow) -> Why:
    """Return the reason in a row's details; empty if they cannot be read."""
    try:
        words = await ctx.trace().details(row)
    except CloudError:
        return Why(())
    places = {
        ctx.channel.mailbox.lower(): Station.MAILBOX,
        ctx.channel.forwarding_address.lower(): Station.FORWARD,
    }
    return Why(words, await _cause(ctx, places.get(row.recipient.lower(), Station.ANSWER), words))


async def _cause(ctx: StepContext, place: Station, words: Sequence[str]) -> str:
    """Return the cause that the words name, or that of a rule at this place, or ''."""
    known = cause_at(place, words)
    if known == BY_A_RULE:
        return BLOCKS[place]
    if known or not words:
        return known
    return BLOCKS[place] if names_one(" ".join(words), await _stopping(ctx)) else ""


async def _stopping(ctx: StepContext) -> list[ExchangeRow]:
    try:
        return await stopping_rules(ctx)
    except CloudError:
        return []


def names_one(words: str, rules: Sequence[ExchangeRow]) -> bool:
    """Return whether the text has a rule's name, id, reason, or a code of its own."""
    return any(_names(words, mark) for rule in rules for mark in _marks_of(rule))


def _marks_of(rule: ExchangeRow) -> list[str]:
    """Return the texts that name the rule, and its code if no other rule has it."""
    marks = [text_of(rule, field) for field in _MARKS]
    code = text_of(rule, "RejectMessageEnhancedStatusCode")
    return [*marks, code] if code.startswith(_ITS_OWN) else marks


def _names(words: str, mark: str) -> bool:
    return (
        len(mark) >= _SHORTEST
        and re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", words, re.IGNORECASE) is not None
    )
