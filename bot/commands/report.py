"""Command /report: the summary of a month for the channels of this space."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from adaptive_cards import report
from adaptive_cards.cards.notice import NoticeView
from bot.cards.presenters import history as presenter
from bot.chat.addresses import read_mailbox
from bot.chat.context import ChatContext
from bot.chat.offers import unknown_channel
from bot.chat.permissions import visible_channels
from bot.chat.understanding import addresses_and_others
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text
from jobs.watch.figures import figures, month
from jobs.watch.history import KEPT, days

KICKER = Text("report.plain_kicker")
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")


def run(ctx: ChatContext, argument: str) -> None:
    """Show the summary of a month for all channels of this space, or for the one that was typed.

    Without a month the summary is of the present month so far.
    """
    at = now().astimezone(UTC)
    addresses, others = addresses_and_others(argument.split())
    asked = _month(ctx, " ".join(others) or f"{at:%Y-%m}", at)
    if asked is None:
        return
    since, until = asked
    mailboxes = _channels(ctx, " ".join(addresses))
    if not mailboxes:
        return
    redis, incidents = ctx.services.redis, ctx.services.watching.incidents
    every = [
        (
            mailbox,
            figures(days(redis, mailbox, at), incidents.of_channel(mailbox), since, until, at),
        )
        for mailbox in mailboxes
    ]
    name = f"{since:%Y-%m}"
    ctx.say(report(presenter.report_view(name, every, at, _remark(since, until, at))))


def _month(ctx: ChatContext, typed: str, at: datetime) -> tuple[datetime, datetime] | None:
    """Return the beginning and end of the month, or answer why no summary of it can be shown."""
    span = _read_month(typed)
    if span is None:
        _refuse(ctx, "not_a_month", typed, at)
        return None
    since, until = span
    if since > at:
        _refuse(ctx, "future", typed, at)
    elif until <= at - KEPT:
        _refuse(ctx, "too_old", typed, at)
    else:
        return span
    return None


def _read_month(typed: str) -> tuple[datetime, datetime] | None:
    """Return the beginning and end of a month such as 2026-11, or None if the text is no month."""
    found = _MONTH.fullmatch(typed)
    try:
        return month(int(found[1]), int(found[2])) if found else None
    except (ValueError, OverflowError):
        return None


def _refuse(ctx: ChatContext, why: str, typed: str, at: datetime) -> None:
    """Say why there is no summary, and what can be typed."""
    title = Text(f"report.{why}", {"typed": typed})
    words = Text("report.how", {"example": f"{at:%Y-%m}"})
    ctx.notify(NoticeView(KICKER, title, words, glyph="✗", at=at))


def _channels(ctx: ChatContext, address: str) -> tuple[str, ...]:
    """Return the channels that the person may see here, or answer why there are none."""
    watched = {each.mailbox for each in ctx.services.watching.channels.of_space(ctx.room)}
    known = watched | set(visible_channels(ctx))
    if address:
        return _named(ctx, address, known)
    if not known:
        ctx.notify(NoticeView(KICKER, Text("report.none"), Text("watch.how"), glyph="○", at=now()))
    return tuple(sorted(known))


def _named(ctx: ChatContext, address: str, known: set[str]) -> tuple[str, ...]:
    """Return the channel that was typed, or answer that it is not known here."""
    mailbox = read_mailbox(ctx, "report", address)
    if mailbox in known:
        return (mailbox,)
    if mailbox:
        unknown_channel(ctx, "report", KICKER, mailbox)
    return ()


def _remark(since: datetime, until: datetime, at: datetime) -> Text | None:
    """Return the remark that the month is not over or only partly kept; None if it is complete."""
    if until > at:
        return Text("report.so_far")
    oldest = (at - KEPT + timedelta(days=1)).date()
    if since.date() < oldest:
        return Text("report.partly", {"day": f"day:{oldest.isoformat()}"})
    return None


COMMAND = Command("report", "trouble", run, "2026-11")
