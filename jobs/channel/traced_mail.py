"""Mails of the channel in the message trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from jobs.channel.mailbox import own_addresses
from jobs.engine.context import StepContext
from jobs.mail.flow import automatic
from jobs.mail.message_trace import TraceRow
from jobs.mail.watch_mail import without_watch_mails
from jobs.model import Evidence


def answers_among(ctx: StepContext, sent: Iterable[TraceRow]) -> list[TraceRow]:
    """Return the mails that a person sent to others, without copies and automatic replies."""
    no_answer = {*own_addresses(ctx), ctx.channel.forwarding_address.lower()}
    return [row for row in sent if row.recipient.lower() not in no_answer and not automatic(row)]


async def copies_since(ctx: StepContext, since: datetime) -> tuple[TraceRow, ...]:
    """Return the copies of customers' mail, newest first; none while the address is not known."""
    return without_watch_mails(await all_copies_since(ctx, since))


async def all_copies_since(ctx: StepContext, since: datetime) -> tuple[TraceRow, ...]:
    """Return all copies to Webex Connect, also those of the watch's test mails, newest first."""
    address = ctx.channel.forwarding_address
    return await ctx.trace().find(since, recipient=address) if address else ()


def newest_delivered(rows: Iterable[TraceRow]) -> TraceRow | None:
    return next((row for row in rows if row.status.went_on), None)


def evidence_of(words: Sequence[str]) -> tuple[Evidence, ...]:
    return tuple(Evidence("trace", line) for line in words)
